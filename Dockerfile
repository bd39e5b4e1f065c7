# The test server; for an application of your own, copy it in and name it: CMD ["pattern-stack", "serve", "your_module:app", ...]
FROM python:3.13-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY pattern_stack pattern_stack
RUN pip install --no-cache-dir -c constraints.txt '.[redis,server]'
COPY test_server.py ./
RUN useradd --system app && mkdir data && chown app data
ENV PATTERN_STACK_DATABASE_URL=sqlite+aiosqlite:////app/data/pattern_stack.db
VOLUME /app/data
USER app
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready')"]
CMD ["pattern-stack", "serve", "test_server:app", "--host", "0.0.0.0"]
