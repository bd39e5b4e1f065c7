"""nchan: nginx as a publish-subscribe server, one worker. nchan.py NGINX MODULE PREFIX

It publishes what is POSTed to it, for there is no inside to publish from. nginx gets its listening socket as it does in
an upgrade of its binary, by the variable NGINX: so the port is the kernel's choice.

Set: no access log, like the others; a keep-alive connection may last for the whole run (nginx ends it after 1,000
requests). The buffer of messages is nchan's own, 10 a channel."""

import os
import socket
import sys
from pathlib import Path

CONFIG = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
load_module {module};
error_log stderr warn;
pid nginx.pid;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port};
    location ~ ^/events/(.+)$ {{ nchan_subscriber websocket; nchan_channel_id $1; nchan_subscriber_first_message newest; }}
    location ~ ^/publish/(.+)$ {{ nchan_publisher http; nchan_channel_id $1; }}
  }}
}}
"""

nginx, module, prefix = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
port = listener.getsockname()[1]
listener.set_inheritable(True)
Path(prefix).mkdir(parents=True, exist_ok=True)
Path(prefix, "nginx.conf").write_text(CONFIG.format(port=port, module=module, files=10_000))
os.environ["NGINX"] = f"{listener.fileno()};"
print(f"running on http://127.0.0.1:{port}", flush=True)
os.execv(nginx, [nginx, "-p", prefix, "-c", "nginx.conf", "-e", "stderr"])  # noqa: S606 - the same process, that it is measured
