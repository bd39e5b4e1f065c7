// Built from clients/typescript by `make assets`: do not edit.

// \0rolldown/runtime.js
var __defProp = Object.defineProperty;
var __esmMin = (fn, res, err) => () => {
	if (err) throw err[0];
	try {
		return fn && (res = fn(fn = 0)), res;
	} catch (e) {
		throw err = [e], e;
	}
};
var __exportAll = (all, no_symbols) => {
	let target = {};
	for (var name in all) {
		__defProp(target, name, {
			get: all[name],
			enumerable: true
		});
	}
	if (!no_symbols) {
		__defProp(target, Symbol.toStringTag, { value: "Module" });
	}
	return target;
};

// src/backoff.ts
function backoff(failures, first = 1e3, most = 3e4) {
	return Math.min(first * 2 ** failures, most) * (1 - Math.random() / 2);
}
function retryAfter(reason) {
	const match = /^retry-after=(\d+(?:\.\d+)?)$/.exec(reason);
	return match ? Number(match[1]) * 1e3 : void 0;
}

// src/errors.ts
var isTemporary, BroadcastError;
var init_errors = __esmMin((() => {
	isTemporary = (code) => [
		"unavailable",
		"rate_limited",
		"internal"
	].includes(code);
	BroadcastError = class extends Error {
		name = "BroadcastError";
		code;
		channel;
		temporary;
		constructor(code, message, channel) {
			super(message);
			this.code = code;
			this.channel = channel;
			this.temporary = isTemporary(code);
		}
	};
}));

// src/protocol.ts
function parse(data) {
	try {
		const frame = JSON.parse(data);
		return typeof frame === "object" ? frame : null;
	} catch {
		return null;
	}
}
function perFrame(channels) {
	const frames = [];
	for (let at = 0; at < channels.length; at += CHANNELS_PER_FRAME) frames.push(channels.slice(at, at + CHANNELS_PER_FRAME));
	return frames;
}
var AUTH_ID, CHANNEL, isChannel, hasMissingPart, CHANNELS_PER_FRAME, isSamePosition, FINAL_CODES, UNAUTHENTICATED, TRY_AGAIN_LATER;
var init_protocol = __esmMin((() => {
	AUTH_ID = "auth";
	CHANNEL = /^[\w\-.:/@]{1,200}$/;
	isChannel = (name) => typeof name === "string" && CHANNEL.test(name);
	hasMissingPart = (name) => /(^|[:/])(undefined|null|NaN)($|[:/])/.test(name);
	CHANNELS_PER_FRAME = 64;
	isSamePosition = (one, other) => one?.epoch === other.epoch && one.offset === other.offset;
	FINAL_CODES = [
		1002,
		1007,
		1008,
		1009,
		4403
	];
	UNAUTHENTICATED = 4401;
	TRY_AGAIN_LATER = 1013;
}));

// src/timer.ts
var LONGEST, Timer;
var init_timer = __esmMin((() => {
	LONGEST = 2 ** 31 - 1;
	Timer = class {
		#handle;
		set(delay, callback) {
			this.clear();
			this.#handle = setTimeout(callback, Math.min(delay, LONGEST));
		}
		clear() {
			clearTimeout(this.#handle);
		}
	};
}));

// src/connection.ts
init_errors();
init_protocol();
init_timer();
var OPEN_TIMEOUT = 1e4;
var PONG_TIMEOUT = 5e3;
var REPLY_TIMEOUT = 5e3;
var Connection = class {
	#socket;
	#on;
	#timeout = new Timer();
	#lastMessage = 0;
	#sent = false;
	#pinged = false;
	open = false;
	replies;
	constructor(socket, replies, on) {
		this.#socket = socket;
		this.#on = on;
		this.replies = replies;
		socket.onopen = () => this.#opened();
		socket.onmessage = ({ data }) => this.#received(data);
		socket.onclose = ({ code, reason }) => this.#closed(code, reason);
		socket.onerror = () => {};
		this.#timeout.set(OPEN_TIMEOUT, () => this.#closed(1006, "the server did not answer"));
	}
	send(frame) {
		this.#sent = true;
		this.#socket.send(JSON.stringify(frame));
	}
	get silence() {
		return performance.now() - this.#lastMessage;
	}
	ping() {
		if (!this.open || !this.replies || this.#pinged) return;
		this.#pinged = true;
		this.#timeout.set(PONG_TIMEOUT, () => this.#closed(1006, "a ping was not answered"));
		this.send({ ping: 1 });
	}
	close() {
		const socket = this.#socket;
		socket.onopen = socket.onmessage = socket.onclose = null;
		this.open = false;
		this.#timeout.clear();
		socket.close();
	}
	#opened() {
		this.open = true;
		this.#lastMessage = performance.now();
		this.#timeout.clear();
		if (!this.replies) this.#awaitReply();
		this.#on.opened();
		if (!this.#sent && this.open) this.send({ ping: 1 });
	}
	#awaitReply() {
		this.#timeout.set(REPLY_TIMEOUT, () => {
			this.#awaitReply();
			this.#on.noReply();
		});
	}
	#received(data) {
		const frame = parse(data);
		this.#lastMessage = performance.now();
		if (frame && ("id" in frame || "pong" in frame)) this.replies = true;
		if (this.replies) this.#timeout.clear();
		this.#pinged = false;
		if (frame) this.#on.frame(frame);
	}
	#closed(code, reason) {
		this.close();
		this.#on.closed(code, reason);
	}
};

// src/wakeup.ts
var INTERVAL = 5e3;
function watchWakeups(tick, wakeup) {
	let last = Date.now();
	const interval = setInterval(() => {
		const elapsed = Date.now() - last;
		last += elapsed;
		if (elapsed > 3 * INTERVAL) wakeup();
		tick();
	}, INTERVAL);
	const visibilityChanged = () => {
		if (document.visibilityState === "visible") wakeup();
	};
	globalThis.addEventListener?.("online", wakeup);
	globalThis.document?.addEventListener("visibilitychange", visibilityChanged);
	return () => {
		clearInterval(interval);
		globalThis.removeEventListener?.("online", wakeup);
		globalThis.document?.removeEventListener("visibilitychange", visibilityChanged);
	};
}

// src/sse/bookmark.ts
function textOf(positions) {
	const groups = /* @__PURE__ */ new Map();
	for (const [channel, { epoch, offset }] of positions) {
		const group = groups.get(epoch) ?? [encodeURIComponent(epoch)];
		groups.set(epoch, group);
		group.push(`${channel}=${offset}`);
	}
	return Array.from(groups.values(), (group) => group.join(",")).join(";");
}
function positionsOf(text) {
	const positions = /* @__PURE__ */ new Map();
	for (const group of text ? text.split(";") : []) {
		const [epoch = "", ...places] = group.split(",");
		for (const place of places) {
			const at = place.lastIndexOf("=");
			positions.set(place.slice(0, at), {
				epoch: decodeURIComponent(epoch),
				offset: Number(place.slice(at + 1))
			});
		}
	}
	return positions;
}
var init_bookmark = __esmMin((() => {}));

// src/sse/stream.ts
var Stream;
var init_stream = __esmMin((() => {
	Stream = class {
		#abort = new AbortController();
		#on;
		#id = "";
		constructor(url, headers, on) {
			this.#on = on;
			this.#run(url, headers);
		}
		close() {
			this.#abort.abort();
		}
		async #run(url, headers) {
			const { signal } = this.#abort;
			let reason = "the stream ended";
			try {
				const response = await fetch(url, {
					headers: {
						Accept: "text/event-stream",
						...headers
					},
					credentials: "include",
					cache: "no-store",
					signal
				});
				if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return this.#on.refused(response);
				this.#on.opened();
				await this.#read(response.body.getReader(), signal);
			} catch (error) {
				reason = String(error);
			}
			if (!signal.aborted) this.#on.ended(reason);
		}
		async #read(reader, signal) {
			const decoder = new TextDecoder();
			let rest = "";
			for (;;) {
				const { done, value } = await reader.read();
				if (done || signal.aborted) return;
				this.#on.alive();
				const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
				rest = blocks.pop();
				for (const block of blocks) if (!signal.aborted) this.#block(block);
			}
		}
		#block(block) {
			const data = [];
			for (const line of block.split("\n")) if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
			else if (line.startsWith("id:")) this.#id = line.slice(3).trim();
			if (data.length > 0) this.#on.message(data.join("\n"), this.#id);
		}
	};
}));

// src/sse/socket.ts
async function errorOf(response) {
	try {
		return (await response.json()).error;
	} catch {
		return {
			code: "",
			message: ""
		};
	}
}
var ALIVE, SNAPSHOT_TIMEOUT, SSESocket, idOf;
var init_socket = __esmMin((() => {
	init_protocol();
	init_timer();
	init_bookmark();
	init_stream();
	ALIVE = 2e4;
	SNAPSHOT_TIMEOUT = 15e3;
	SSESocket = class {
		onopen = null;
		onmessage = null;
		onclose = null;
		onerror = null;
		#url;
		#channels = /* @__PURE__ */ new Set();
		#positions = /* @__PURE__ */ new Map();
		#asked = /* @__PURE__ */ new Map();
		#token;
		#stream;
		#refreshed = /* @__PURE__ */ new Set();
		#snapshots;
		#snapshotTimeout = new Timer();
		#lastSign = 0;
		#scheduled = false;
		#closed = false;
		#posts = Promise.resolve();
		constructor(url) {
			this.#url = url;
			this.#reach();
		}
		send(data) {
			const frame = JSON.parse(data);
			if ("subscribe" in frame) this.#subscribe(frame.subscribe, frame.since ?? {}, frame.id);
			else if ("unsubscribe" in frame) this.#unsubscribe(frame.unsubscribe, frame.id);
			else if ("auth" in frame) this.#authenticate(frame.auth, frame.id);
			else if ("refresh" in frame) this.#refresh(frame.refresh, frame.id);
			else if ("ping" in frame) this.#ping(frame.ping);
			else if ("state" in frame) this.#reply({
				...idOf(frame.id),
				state: []
			});
			else this.#posts = this.#posts.then(() => this.#post(frame));
		}
		close(code = 1e3, reason = "") {
			if (this.#closed) return;
			this.#closed = true;
			this.#stream?.close();
			this.#endRefresh();
			this.onclose?.({
				code,
				reason
			});
		}
		async #reach() {
			try {
				const response = await this.#fetch({ ping: 1 });
				if (response.status === 404 || response.status === 405) return this.close(1006, "the server has no HTTP lane");
				if (response.status >= 500) return this.#failed(response);
				this.#lastSign = performance.now();
				if (!this.#closed) this.onopen?.({});
				this.#openSoon();
			} catch (error) {
				this.close(1006, String(error));
			}
		}
		#headers() {
			return this.#token === void 0 ? {} : { Authorization: `Bearer ${this.#token}` };
		}
		#fetch(frame) {
			const headers = {
				"Content-Type": "application/json",
				...this.#headers()
			};
			return fetch(this.#url, {
				method: "POST",
				headers,
				body: JSON.stringify(frame),
				credentials: "include"
			});
		}
		#reply(frame) {
			if (!this.#closed) this.onmessage?.({ data: JSON.stringify(frame) });
		}
		#subscribe(channels, since, id) {
			for (const channel of channels.filter(isChannel)) {
				this.#channels.add(channel);
				this.#asked.set(channel, id);
				if (since[channel]) this.#positions.set(channel, since[channel]);
			}
			this.#openSoon();
		}
		#unsubscribe(unsubscribed, id) {
			for (const channel of unsubscribed) this.#forget(channel);
			if (id !== void 0) this.#reply({
				id,
				unsubscribed
			});
			this.#openSoon();
		}
		#forget(channel) {
			this.#channels.delete(channel);
			this.#asked.delete(channel);
			this.#positions.delete(channel);
		}
		#authenticate(token, id) {
			this.#token = token;
			this.#reply({
				...idOf(id),
				authenticated: true
			});
			this.#openSoon();
		}
		#ping(value) {
			if (performance.now() - this.#lastSign < ALIVE) this.#reply({
				pong: value,
				timestamp: (/* @__PURE__ */ new Date()).toISOString()
			});
		}
		#refresh(channels, id) {
			if (id !== void 0) this.#reply({
				id,
				refreshed: channels
			});
			for (const channel of channels) this.#refreshed.add(channel);
			this.#snapshots?.close();
			this.#snapshotTimeout.set(SNAPSHOT_TIMEOUT, () => this.#endRefresh());
			this.#snapshots = new Stream(this.#address(this.#refreshed), this.#headers(), {
				opened: () => {},
				alive: () => {},
				message: (data) => this.#snapshot(JSON.parse(data)),
				refused: () => this.#endRefresh(),
				ended: () => this.#endRefresh()
			});
		}
		#snapshot(frame) {
			if (!("channel" in frame) || !this.#refreshed.delete(frame.channel)) return;
			if (frame.event === "snapshot") this.#reply(frame);
			if (this.#refreshed.size === 0) this.#endRefresh();
		}
		#endRefresh() {
			this.#refreshed.clear();
			this.#snapshotTimeout.clear();
			this.#snapshots?.close();
		}
		async #post(frame) {
			if (this.#closed) return;
			try {
				const response = await this.#fetch(frame);
				const answer = await response.json();
				if (!("error" in answer)) return this.#reply(answer);
				const retryAfter = Number(response.headers.get("Retry-After") ?? NaN);
				this.#reply({
					...idOf(frame.id),
					error: {
						...answer.error,
						...retryAfter > 0 && { retry_after: retryAfter }
					}
				});
			} catch (error) {
				this.#reply({
					...idOf(frame.id),
					error: {
						code: "unavailable",
						message: String(error)
					}
				});
			}
		}
		#address(channels) {
			const query = Array.from(channels, (channel) => `channel=${encodeURIComponent(channel)}`).join("&");
			return query ? `${this.#url}?${query}` : this.#url;
		}
		#openSoon() {
			if (this.#scheduled || this.#closed) return;
			this.#scheduled = true;
			queueMicrotask(() => {
				this.#scheduled = false;
				if (!this.#closed) this.#open();
			});
		}
		#open() {
			this.#stream?.close();
			const asked = [...this.#asked];
			const id = textOf(this.#positions);
			this.#stream = new Stream(this.#address(this.#channels), {
				...this.#headers(),
				...id && { "Last-Event-ID": id }
			}, {
				opened: () => {},
				alive: () => this.#lastSign = performance.now(),
				message: (data, reached) => this.#message(JSON.parse(data), reached),
				refused: (response) => void this.#refused(response, asked),
				ended: (reason) => this.close(1006, reason)
			});
		}
		#message(frame, reached) {
			if ("close" in frame) return this.close(frame.close.code, frame.close.reason);
			if (reached) this.#positions = positionsOf(reached);
			if (!("id" in frame)) return this.#reply(frame);
			if ("subscribed" in frame) this.#subscribed(frame.subscribed);
			else if ("error" in frame && frame.error.channel !== void 0) this.#channelRefused(frame.error.channel, frame.error);
			else this.#reply(frame);
		}
		#subscribed(positions) {
			const replies = /* @__PURE__ */ new Map();
			for (const [channel, position] of Object.entries(positions)) {
				if (!this.#asked.has(channel)) continue;
				const id = this.#asked.get(channel);
				this.#asked.delete(channel);
				replies.set(id, {
					...replies.get(id),
					[channel]: position
				});
			}
			for (const [id, subscribed] of replies) this.#reply({
				...idOf(id),
				subscribed
			});
		}
		#channelRefused(channel, error) {
			const id = this.#asked.has(channel) ? this.#asked.get(channel) : AUTH_ID;
			this.#forget(channel);
			this.#reply({
				...idOf(id),
				error: {
					...error,
					channel
				}
			});
		}
		#failed({ status, headers }) {
			if (status === 429 || status === 503) this.close(1013, `retry-after=${headers.get("Retry-After") ?? 1}`);
			else this.close(1006, `the server answered ${status}`);
		}
		async #refused(response, asked) {
			const error = await errorOf(response);
			const { status } = response;
			if (status === 401) return this.close(4401, error.message);
			if (status === 429 || status >= 500 || error.code === "") return this.#failed(response);
			if (asked.length === 0 && this.#channels.size === 0) return this.close(status === 403 ? 4403 : 1006, error.message);
			for (const channel of asked.length > 0 ? asked.map(([name]) => name) : [...this.#channels]) this.#channelRefused(channel, error);
			this.#openSoon();
		}
	};
	idOf = (id) => id === void 0 ? {} : { id };
}));

// src/sse/index.ts
var sse_exports = /* @__PURE__ */ __exportAll({ opener: () => opener });
function opener(lanes, { socket: webSocket, mostUnopened }) {
	const open = (url) => {
		const socket = new SSESocket(addressOf(url));
		if (mostUnopened > 0) probe(socket, url, lanes, webSocket);
		return socket;
	};
	const ended = (reason) => {
		if (reason === MOVED[1]) forget(lanes);
	};
	return webSocket.share?.(open, ended) ?? open;
}
function forget(lanes) {
	lanes.unopened = 0;
	delete lanes.probeAfter;
}
function addressOf(url) {
	const address = new URL(url.replace(/^ws/, "http"), globalThis.location?.href);
	address.pathname = address.pathname.replace(/\/ws\/(?!.*\/ws\/)/, "/sse/");
	return address.href;
}
function probe(socket, url, lanes, webSocket) {
	const timer = new Timer();
	let tried;
	const abandon = () => {
		if (!tried) return;
		tried.onopen = tried.onclose = null;
		tried.close();
		tried = void 0;
	};
	const schedule = () => {
		abandon();
		timer.set(lanes.probeAfter ??= FIRST_PROBE, attempt);
		lanes.probeAfter = Math.min(lanes.probeAfter * 2, MOST);
	};
	const succeed = () => {
		abandon();
		forget(lanes);
		socket.close(...MOVED);
	};
	const attempt = () => {
		abandon();
		tried = webSocket(url);
		tried.onopen = succeed;
		tried.onclose = schedule;
		tried.onerror = () => {};
		timer.set(FIRST_PROBE, schedule);
	};
	const end = socket.close.bind(socket);
	socket.close = (...close) => {
		timer.clear();
		abandon();
		globalThis.removeEventListener?.("online", attempt);
		end(...close);
	};
	globalThis.addEventListener?.("online", attempt);
	schedule();
}
var FIRST_PROBE, MOST, MOVED;
var init_sse = __esmMin((() => {
	init_timer();
	init_socket();
	FIRST_PROBE = 1e4;
	MOST = 3e5;
	MOVED = [1012, "retry-after=0.0"];
}));

// src/link.ts
init_protocol();
init_timer();
var TOKEN_TIMEOUT = 1e4;
var NO_TOKEN = "the token function did not answer within 10 s";
var Link = class {
	#url;
	#options;
	#on;
	#retry = new Timer();
	#renewal = new Timer();
	#unwatch = () => {};
	#connection;
	#attempt = 0;
	#failures = 0;
	#serverReplies = false;
	#authenticated = false;
	#canHurry = false;
	#lanes = { unopened: 0 };
	transport = "websocket";
	state = "disconnected";
	lastClose = null;
	constructor(url, options, on) {
		this.#url = url;
		this.#options = options;
		this.#on = on;
	}
	start() {
		if (this.state !== "disconnected") return;
		this.#failures = 0;
		this.lastClose = null;
		this.#unwatch = watchWakeups(() => this.#tick(), () => this.#wakeup());
		this.#open();
		this.#setState("connecting");
	}
	stop() {
		if (this.state === "disconnected") return;
		this.#unwatch();
		this.#close();
		this.#setState("disconnected");
	}
	send(frame) {
		if (this.#connection?.open) this.#connection.send(frame);
	}
	#setState(state) {
		if (this.state === state) return;
		this.state = state;
		this.#on.state(state);
	}
	async #open() {
		const attempt = ++this.#attempt;
		this.#canHurry = false;
		this.#retry.set(TOKEN_TIMEOUT, () => this.#lost(1006, NO_TOKEN));
		try {
			const token = await this.#options.tokens.get();
			const open = await this.#opener();
			if (attempt !== this.#attempt) return;
			this.#retry.clear();
			if (token === null) this.#lost(UNAUTHENTICATED, "no token", true);
			else this.#connect(token, open);
		} catch (error) {
			if (attempt === this.#attempt) this.#lost(1006, `the token function failed: ${error}`);
		}
	}
	async #opener() {
		this.transport = this.#lanes.unopened > this.#options.mostUnopened ? "sse" : "websocket";
		if (this.transport === "websocket") return this.#options.socket;
		return (await Promise.resolve().then(() => (init_sse(), sse_exports))).opener(this.#lanes, this.#options);
	}
	#connect(token, open) {
		try {
			this.#connection = new Connection(open(this.#url), this.#serverReplies, {
				opened: () => this.#opened(token),
				frame: (frame) => this.#received(frame),
				noReply: () => this.#noReply(),
				closed: (code, reason) => this.#lost(code, reason)
			});
		} catch (error) {
			this.#lost(1006, String(error), true);
		}
	}
	#opened(token) {
		this.#authenticated = false;
		if (this.transport === "websocket") this.#lanes.unopened = 0;
		if (token !== void 0) this.#authenticate(token);
		this.#setState("connected");
		this.#on.opened();
	}
	#authenticate(token) {
		this.send({
			auth: token,
			id: AUTH_ID
		});
		this.#scheduleRenewal();
	}
	#scheduleRenewal() {
		const delay = this.#options.tokens.renewIn;
		if (delay === void 0) this.#renewal.clear();
		else this.#renewal.set(delay, () => void this.#renew());
	}
	async #renew() {
		const { tokens } = this.#options;
		const attempt = this.#attempt;
		tokens.markStale();
		this.#renewal.set(TOKEN_TIMEOUT, () => this.#scheduleRenewal());
		try {
			const token = await tokens.get();
			if (attempt === this.#attempt && token) this.#authenticate(token);
		} catch {
			if (attempt === this.#attempt) this.#scheduleRenewal();
		}
	}
	#authRefused({ code, message, retry_after = 5 }) {
		if (this.#authenticated) {
			if (isTemporary(code)) this.#renewal.set(retry_after * 1e3, () => void this.#renew());
			return;
		}
		this.#lost(isTemporary(code) ? TRY_AGAIN_LATER : UNAUTHENTICATED, message);
	}
	#received(frame) {
		this.#serverReplies = this.#connection.replies;
		if ("authenticated" in frame) this.#authenticated = true;
		if (!("error" in frame)) this.#failures = 0;
		else if (frame.id === "auth" && !frame.error.channel) this.#authRefused(frame.error);
		if (this.#connection) this.#on.frame(frame);
	}
	#noReply() {
		this.#failures = 0;
		this.#on.noReply();
	}
	#tick() {
		if (this.#connection && this.#connection.silence >= this.#options.pingAfter) this.#connection.ping();
	}
	#wakeup() {
		if (!this.#connection) this.#lanes.unopened = 0;
		if (this.#canHurry) this.#open();
		else this.#connection?.ping();
	}
	#close() {
		this.#attempt++;
		this.#canHurry = false;
		this.#retry.clear();
		this.#renewal.clear();
		this.#connection?.close();
		this.#connection = void 0;
		this.#on.closed();
	}
	#lost(code, reason, final = this.#isFinal(code)) {
		if (this.#connection && this.state !== "connected") this.#lanes.unopened++;
		this.#close();
		this.lastClose = {
			code,
			reason,
			final
		};
		if (final) return this.stop();
		if (code === 4401) this.#options.tokens.markStale();
		const named = retryAfter(reason);
		this.#canHurry = named === void 0;
		this.#retry.set(this.#delay(named), () => void this.#open());
		this.#setState("reconnecting");
	}
	#isFinal(code) {
		if (this.#failures >= this.#options.reconnect.tries) return true;
		return FINAL_CODES.includes(code) || code === 4401 && !this.#options.tokens.renewable;
	}
	#delay(named) {
		const { first, most } = this.#options.reconnect;
		const failures = this.#failures++;
		if (named === void 0) return backoff(failures, first, most);
		return failures < 3 ? named : Math.max(named, backoff(failures - 3, first, most));
	}
};

// src/listeners.ts
function logFailure(error) {
	console.error("[broadcast] a handler failed:", error);
}
var Listeners;
var init_listeners = __esmMin((() => {
	Listeners = class {
		#all = /* @__PURE__ */ new Set();
		get size() {
			return this.#all.size;
		}
		add(handler) {
			if (typeof handler !== "function") throw new TypeError(`a handler is a function, not ${handler}`);
			const listener = { handler };
			this.#all.add(listener);
			return () => void this.#all.delete(listener);
		}
		call(...args) {
			for (const listener of Array.from(this.#all)) {
				if (!this.#all.has(listener)) continue;
				try {
					const result = listener.handler(...args);
					if (result instanceof Promise) result.catch(logFailure);
				} catch (error) {
					logFailure(error);
				}
			}
		}
	};
}));

// src/options.ts
init_listeners();
function isDevelopment() {
	try {
		return process.env.NODE_ENV !== "production";
	} catch {
		return false;
	}
}
function checkNames(where, options, names) {
	const unknown = Object.keys(options).filter((name) => !names.includes(name));
	if (unknown.length === 0) return;
	const message = `${where} has no option ${unknown.join(", ")}; it has ${names.join(", ")}`;
	if (isDevelopment()) throw new TypeError(message);
	console.warn(`[broadcast] ${message}`);
}
function checkNumber(name, value, least) {
	if (typeof value !== "number" || !(value >= least)) throw new TypeError(`${name} is a number of at least ${least}, not ${value}`);
}
function isEqual(one, other, sameFunction = Object.is) {
	if (typeof one === "function" && typeof other === "function") return sameFunction(one, other);
	if (!isObject(one) || !isObject(other)) return Object.is(one, other);
	return Object.keys({
		...one,
		...other
	}).every((name) => isEqual(one[name], other[name], sameFunction));
}
var isObject = (value) => typeof value === "object" && value !== null;

// src/rate-limiter.ts
var PER_SECOND = 50;
var BURST = 100;
var RateLimiter = class {
	#debt = 0;
	#updated = 0;
	spend(frames) {
		const now = performance.now();
		this.#debt = Math.max(0, this.#debt - (now - this.#updated) * PER_SECOND / 1e3) + frames;
		this.#updated = now;
		return Math.max(0, this.#debt - BURST) * 1e3 / PER_SECOND;
	}
};

// src/socket.ts
function webSocket(url) {
	const { location } = globalThis;
	const { href } = location ? new URL(url, location.href) : { href: url };
	return new WebSocket(href.replace(/^http/, "ws"));
}

// src/subscription.ts
var Subscription = class {
	listeners = new Listeners();
	stage = "idle";
	requestId = 0;
	position;
	delivering = false;
	offsetBeforeReply;
	joined = false;
	resetReported = false;
	maybeHeld = false;
	refresh = false;
	error;
	#gapAfter;
	#waiting = [];
	ready() {
		return new Promise((resolve, reject) => this.#waiting.push({
			resolve,
			reject
		}));
	}
	resolve() {
		for (const one of this.#waiting.splice(0)) one.resolve();
	}
	reject(error) {
		for (const one of this.#waiting.splice(0)) one.reject(error);
	}
	markIdle() {
		this.stage = "idle";
		this.delivering = this.resetReported = false;
		this.offsetBeforeReply = void 0;
	}
	accept(event, offset) {
		const { epoch, offset: reached } = this.position;
		if (this.stage !== "live") return "duplicate";
		const snapshot = event === "snapshot";
		if (!snapshot && offset <= reached) return "duplicate";
		const missing = !snapshot && offset > reached + 1;
		if (missing && this.#gapAfter !== reached) {
			this.#gapAfter = reached;
			this.stage = "gap";
			return "gap";
		}
		this.position = {
			epoch,
			offset
		};
		return missing ? "skipped" : "next";
	}
};

// src/subscriptions.ts
init_errors();
init_protocol();
var TOO_MANY = "too_many_channels";
var MOST_UNANSWERED = 1e3;
var Subscriptions = class {
	#all = /* @__PURE__ */ new Map();
	on;
	#limit;
	#open = false;
	#lastId = 0;
	#failures = 0;
	#serverReplies = false;
	#unsubscribed = /* @__PURE__ */ new Set();
	#unanswered = /* @__PURE__ */ new Map();
	#stillHeld = /* @__PURE__ */ new Set();
	constructor(on, limit) {
		this.on = on;
		this.#limit = limit;
	}
	add(channel, handler) {
		checkChannel(channel);
		const subscription = this.#all.get(channel) ?? new Subscription();
		const remove = subscription.listeners.add(handler);
		this.#all.set(channel, subscription);
		subscription.error = void 0;
		this.on.changed();
		return () => {
			remove();
			this.on.changed();
		};
	}
	isJoined(channel) {
		return this.#all.get(channel)?.joined ?? false;
	}
	ready(channel) {
		const subscription = this.#all.get(channel);
		if (!subscription) return Promise.reject(new BroadcastError("unsubscribed", `${channel} has no handler`, channel));
		if (subscription.delivering) return Promise.resolve();
		if (subscription.error) return Promise.reject(subscription.error);
		return subscription.ready();
	}
	get(channel) {
		return this.#all.get(channel);
	}
	refresh(channel) {
		const subscription = this.#all.get(channel);
		if (!subscription) return this.on.failed(new BroadcastError("unsubscribed", `${channel} has no handler`, channel));
		subscription.refresh = true;
		this.on.changed();
	}
	opened() {
		this.closed();
		this.#open = true;
		for (const one of this.#all.values()) if (one.error?.code !== "ended") one.error = void 0;
	}
	closed() {
		this.#open = false;
		this.#unsubscribed.clear();
		this.#unanswered.clear();
		this.#stillHeld.clear();
		for (const one of this.#all.values()) {
			one.markIdle();
			one.maybeHeld = false;
		}
	}
	reject(error) {
		for (const one of this.#all.values()) one.reject(error);
	}
	assumeJoined() {
		for (const [channel, one] of this.#all) if (one.stage === "requested") this.#started(channel, one);
	}
	frames() {
		const left = this.#leave();
		if (!this.#open) return [];
		const wanted = this.#request();
		return [
			...perFrame(left).map((unsubscribe) => this.#withId({ unsubscribe })),
			...perFrame(wanted).map((subscribe) => this.#subscribe(subscribe)),
			...perFrame(this.#refreshes()).map((refresh) => this.#withId({ refresh }))
		];
	}
	#withId(frame) {
		const id = ++this.#lastId;
		if (this.#unanswered.size < MOST_UNANSWERED) this.#unanswered.set(id, frame);
		return {
			...frame,
			id
		};
	}
	#leave() {
		const left = [...this.#stillHeld].filter((channel) => (this.#all.get(channel)?.stage ?? "idle") === "idle");
		this.#stillHeld.clear();
		for (const [channel, subscription] of this.#all) {
			const wanted = subscription.listeners.size > 0;
			if ((subscription.stage !== "idle" || subscription.maybeHeld) && (!wanted || subscription.stage === "gap")) {
				left.push(channel);
				this.#unsubscribed.add(channel);
				subscription.markIdle();
			}
			if (!wanted) {
				this.#all.delete(channel);
				subscription.reject(new BroadcastError("unsubscribed", `${channel} has no handler`, channel));
			}
		}
		return left;
	}
	#request() {
		const wanted = [];
		let room = this.#limit - this.#held();
		for (const [channel, subscription] of this.#all) {
			if (subscription.stage !== "idle" || subscription.error && subscription.error.code !== TOO_MANY) continue;
			if (room-- > 0) {
				subscription.error = void 0;
				wanted.push(channel);
			} else if (!subscription.error) this.#refuse(subscription, new BroadcastError(TOO_MANY, `${this.#limit} channels held`, channel));
		}
		return wanted;
	}
	#refreshes() {
		const channels = [];
		for (const [channel, subscription] of this.#all) {
			if (!subscription.refresh || !subscription.delivering) continue;
			subscription.refresh = false;
			channels.push(channel);
		}
		return channels;
	}
	#held() {
		let held = 0;
		for (const { stage } of this.#all.values()) if (stage !== "idle") held++;
		return held;
	}
	#subscribe(subscribe) {
		const id = ++this.#lastId;
		const since = [];
		for (const channel of subscribe) {
			const subscription = this.#all.get(channel);
			subscription.stage = "requested";
			subscription.requestId = id;
			if (subscription.position) since.push([channel, subscription.position]);
		}
		return {
			subscribe,
			...since.length > 0 && { since: Object.fromEntries(since) },
			...this.on.asksQuiet?.() && { quiet: true },
			id
		};
	}
	receive(frame) {
		if ("channel" in frame) this.#event(frame);
		else if ("subscribed" in frame) this.#subscribed(frame.id, frame.subscribed);
		else if ("reset" in frame) this.#reset(frame.reset);
		else if ("error" in frame) this.#error(frame);
		else if (frame.id !== void 0) this.#unanswered.delete(frame.id);
		else if ("unsubscribed" in frame) this.#ended(frame.unsubscribed);
	}
	deliverLocal(event) {
		this.#all.get(event.channel)?.listeners.call(event);
	}
	#event(event) {
		const subscription = this.#all.get(event.channel);
		if (!subscription || this.#serverReplies && this.#unsubscribed.has(event.channel)) return;
		const { offset } = event;
		if (!subscription.position) this.#eventBeforeReply(subscription, event);
		else if (offset === void 0) event = {
			...event,
			ephemeral: true
		};
		else {
			const result = subscription.accept(event.event, offset);
			if (result === "gap") this.on.changed();
			if (result === "gap" || result === "duplicate") return;
			if (result === "skipped") this.on.reset(event.channel);
		}
		subscription.listeners.call(event);
	}
	#eventBeforeReply(subscription, { channel, event, offset }) {
		if (offset === void 0 && this.#serverReplies) return;
		const before = subscription.offsetBeforeReply;
		subscription.offsetBeforeReply = offset;
		this.#started(channel, subscription);
		if (before !== void 0 && event !== "snapshot" && offset !== before + 1) this.on.reset(channel);
	}
	#subscribed(id, positions) {
		this.#serverReplies = true;
		for (const [channel, { epoch, offset, recovered, quiet }] of Object.entries(positions)) {
			const subscription = this.#all.get(channel);
			if (subscription?.stage !== "requested" || subscription.requestId !== id) continue;
			const unmoved = isSamePosition(subscription.position, {
				epoch,
				offset
			});
			subscription.stage = "live";
			subscription.maybeHeld = false;
			subscription.position = {
				epoch,
				offset
			};
			this.#failures = 0;
			this.#unsubscribed.delete(channel);
			const early = subscription.delivering;
			subscription.resetReported = recovered === false;
			this.#started(channel, subscription, recovered ?? unmoved, quiet);
			if (early && subscription.offsetBeforeReply !== offset) this.on.reset(channel);
		}
	}
	#started(channel, subscription, continuous = false, quiet) {
		if (subscription.delivering) return;
		const first = !subscription.joined;
		subscription.delivering = subscription.joined = true;
		subscription.resolve();
		if (subscription.refresh) this.on.changed();
		if (first) this.on.joined(channel, quiet);
		else if (!continuous) this.on.reset(channel);
	}
	#reset(positions) {
		for (const [channel, position] of Object.entries(positions)) {
			const subscription = this.#all.get(channel);
			if (subscription?.stage !== "live" && subscription?.stage !== "gap") continue;
			const reported = subscription.resetReported && isSamePosition(subscription.position, position);
			subscription.resetReported = false;
			subscription.position = position;
			if (!reported) this.on.reset(channel);
		}
	}
	#ended(channels) {
		for (const channel of channels) {
			const subscription = this.#all.get(channel);
			if (!subscription) continue;
			if (subscription.stage === "requested") {
				subscription.markIdle();
				subscription.maybeHeld = true;
				this.#unsubscribed.add(channel);
				this.on.changed();
			} else if (subscription.stage !== "idle") {
				subscription.position = void 0;
				subscription.joined = false;
				this.#refuse(subscription, new BroadcastError("ended", `${channel} has ended`, channel));
			}
		}
	}
	#error({ id, error: { code, message, channel, retry_after } }) {
		const error = new BroadcastError(code, message, channel);
		const refused = this.#refused(id, channel);
		if (error.temporary) this.#restore(id);
		if (code === TOO_MANY) this.#limit = this.#held() - refused.length + (refused.length >> 1);
		for (const [name, subscription] of refused) {
			subscription.markIdle();
			if (!error.temporary && code !== TOO_MANY) this.#refuse(subscription, new BroadcastError(code, message, name), false);
		}
		if (retry_after !== void 0) this.on.retry(this.#failures++, retry_after * 1e3);
		else if (error.temporary && id !== void 0) this.on.retry(this.#failures++);
		else if (refused.length > 0) this.on.changed();
		this.on.failed(error);
	}
	#refused(id, channel) {
		return [...this.#all].filter(([name, { stage, requestId }]) => {
			if (channel !== void 0 && name !== channel) return false;
			return stage === "requested" && requestId === id || channel !== void 0 && id === "auth";
		});
	}
	#restore(id) {
		const frame = this.#unanswered.get(id);
		this.#unanswered.delete(id);
		for (const channel of frame?.unsubscribe ?? []) this.#stillHeld.add(channel);
		for (const channel of frame?.refresh ?? []) {
			const subscription = this.#all.get(channel);
			if (subscription) subscription.refresh = true;
		}
	}
	#refuse(subscription, error, report = true) {
		subscription.markIdle();
		subscription.error = error;
		subscription.reject(error);
		if (report) this.on.failed(error);
	}
};
function checkChannel(channel) {
	if (!isChannel(channel)) throw new BroadcastError("invalid_channel", `not a channel name: ${JSON.stringify(channel)}`, String(channel));
	if (isDevelopment() && hasMissingPart(channel)) throw new BroadcastError("invalid_channel", `a part of the channel name ${channel} is missing`, channel);
}

// src/tabs.ts
var Tabs = class {
	#name;
	#receive;
	#port;
	constructor(name, receive) {
		this.#name = name;
		this.#receive = receive;
	}
	open() {
		if (this.#port || !globalThis.BroadcastChannel) return;
		this.#port = new BroadcastChannel(this.#name);
		this.#port.onmessage = ({ data }) => this.#receive(data);
	}
	close() {
		this.#port?.close();
		this.#port = void 0;
	}
	send(event) {
		this.#port?.postMessage(event);
	}
};

// src/tokens.ts
var RENEW_BEFORE = 3e4;
var Tokens = class {
	#source;
	#last;
	#expiresAt;
	#stale = false;
	#calls = 0;
	constructor(source) {
		this.#source = source;
	}
	get renewable() {
		return typeof this.#source === "function";
	}
	get renewIn() {
		const left = (this.#expiresAt ?? 0) - Date.now();
		return left > 0 ? Math.max(left - RENEW_BEFORE, left / 2, 1e3) : void 0;
	}
	markStale() {
		this.#stale = true;
	}
	async get() {
		if (typeof this.#source !== "function") return this.#source;
		const call = ++this.#calls;
		const given = await this.#source(this.#stale ? this.#last : void 0);
		if (call !== this.#calls) return null;
		this.#stale = false;
		this.#expiresAt = typeof given === "object" ? given?.expiresAt : void 0;
		return (this.#last = typeof given === "object" ? given?.token : given) ?? null;
	}
};

// src/upstream/commands.ts
var MOST_WAITING, MOST_BYTES, TEMPORARY, Commands;
var init_commands = __esmMin((() => {
	init_protocol();
	MOST_WAITING = 1e3;
	MOST_BYTES = 65536;
	TEMPORARY = /* @__PURE__ */ new Set(["unavailable", "rate_limited"]);
	Commands = class {
		#error;
		#channels = /* @__PURE__ */ new Map();
		#size = 0;
		constructor(error) {
			this.#error = error;
		}
		add(frame) {
			const fault = this.#fault(frame);
			if (fault) return Promise.reject(new this.#error(...fault, String(frame.send)));
			const queue = this.#channels.get(frame.send) ?? [];
			this.#channels.set(frame.send, queue);
			this.#size++;
			return new Promise((resolve, reject) => queue.push({
				frame,
				isSent: false,
				resolve,
				reject
			}));
		}
		#fault(frame) {
			const { send, event, payload, key } = frame;
			if (!isChannel(send)) return ["invalid_channel", `not a channel name: ${JSON.stringify(send)}`];
			if (typeof event !== "string" || !event) return ["unknown_event", `a command has a name, not ${event}`];
			if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return ["invalid_payload", "a payload is an object"];
			if (typeof key !== "string" || !/^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u.test(key)) return ["invalid_message", "a key is 1 to 64 printable characters"];
			const size = new TextEncoder().encode(JSON.stringify(frame)).length;
			if (size > MOST_BYTES) return ["invalid_payload", `the command has ${size} bytes, more than ${MOST_BYTES}`];
			if (this.#size >= MOST_WAITING) return ["rate_limited", `${MOST_WAITING} commands wait for answers`];
		}
		frames(readiness) {
			const frames = [];
			for (const [channel, [first]] of this.#channels) {
				const state = readiness(channel);
				if (state instanceof Error) this.#rejectAll(channel, state);
				else if (state === "ready" && first && !first.isSent) {
					first.isSent = true;
					frames.push(first.frame);
				}
			}
			return frames;
		}
		answer(id, answer) {
			const command = this.#find(id);
			if (!command) return false;
			if ("error" in answer && TEMPORARY.has(answer.error.code)) {
				command.isSent = false;
				return true;
			}
			this.#remove(command.frame.send);
			if ("error" in answer) command.reject(new this.#error(answer.error.code, answer.error.message, command.frame.send));
			else command.resolve(answer.result);
			return false;
		}
		closed() {
			for (const queue of this.#channels.values()) for (const command of queue) command.isSent = false;
		}
		#find(id) {
			for (const [first] of this.#channels.values()) if (first?.isSent && first.frame.id === id) return first;
		}
		#remove(channel) {
			const queue = this.#channels.get(channel);
			queue.shift();
			this.#size--;
			if (queue.length === 0) this.#channels.delete(channel);
		}
		#rejectAll(channel, error) {
			const queue = this.#channels.get(channel) ?? [];
			this.#channels.delete(channel);
			this.#size -= queue.length;
			for (const command of queue) command.reject(error);
		}
	};
}));

// src/upstream/members.ts
var Members;
var init_members = __esmMin((() => {
	Members = class {
		#members = /* @__PURE__ */ new Map();
		#since;
		list = [];
		isUncertain = true;
		asked() {
			this.isUncertain = false;
			this.#since = [];
		}
		answered(members) {
			const since = this.#since ?? [];
			this.#since = void 0;
			this.#set(new Map(members.map((member) => [member.connection_id, member])));
			for (const event of since) this.#apply(event);
		}
		unanswered() {
			this.isUncertain = true;
			this.#since = void 0;
		}
		receive(event) {
			if (!event.event.startsWith("presence-")) return false;
			this.#since?.push(event);
			const isChanged = this.#apply(event);
			const { count } = event.payload;
			if (typeof count === "number" && count !== this.#members.size && !this.#since) this.isUncertain = true;
			return isChanged;
		}
		#apply({ event, payload: { connection_id, user, state } }) {
			const members = new Map(this.#members);
			const known = members.get(connection_id);
			if (event === "presence-left") {
				if (!members.delete(connection_id)) return false;
			} else if (event === "presence-joined") {
				if (known) return false;
				members.set(connection_id, {
					connection_id,
					user
				});
			} else if (event === "presence-state") members.set(connection_id, {
				connection_id,
				user: known ? known.user : user,
				...state && { state }
			});
			else return false;
			this.#set(members);
			return true;
		}
		#set(members) {
			this.#members = members;
			this.list = [...members.values()];
		}
	};
}));

// src/upstream/states.ts
var States;
var init_states = __esmMin((() => {
	States = class {
		#wanted = /* @__PURE__ */ new Map();
		#unsent = /* @__PURE__ */ new Set();
		#inFlight;
		set(channel, state) {
			this.#wanted.set(channel, state);
			this.#unsent.add(channel);
		}
		get channels() {
			return [...this.#wanted.keys()];
		}
		forget(channel) {
			this.#wanted.delete(channel);
			this.#unsent.delete(channel);
		}
		frame(id, readiness) {
			if (this.#inFlight) return void 0;
			const channels = [...this.#unsent].filter((channel) => readiness(channel) === "ready");
			if (channels.length === 0) return void 0;
			this.#inFlight = {
				id,
				channels
			};
			for (const channel of channels) this.#unsent.delete(channel);
			return {
				state: Object.fromEntries(channels.map((channel) => [channel, this.#wanted.get(channel) ?? null])),
				id
			};
		}
		isInFlight(id) {
			return this.#inFlight?.id === id;
		}
		answered(again) {
			for (const channel of this.#inFlight?.channels ?? []) if (again) this.#unsent.add(channel);
			else if (this.#wanted.get(channel) === null && !this.#unsent.has(channel)) this.#wanted.delete(channel);
			this.#inFlight = void 0;
		}
		closed() {
			this.#inFlight = void 0;
			this.#unsent.clear();
			for (const [channel, state] of this.#wanted) if (state === null) this.#wanted.delete(channel);
			else this.#unsent.add(channel);
		}
	};
}));

// src/upstream/index.ts
var upstream_exports = /* @__PURE__ */ __exportAll({ Upstream: () => Upstream });
function randomKey() {
	return Array.from(crypto.getRandomValues(/* @__PURE__ */ new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
function faultOfState(channel, state) {
	if (!isChannel(channel)) return ["invalid_channel", `not a channel name: ${JSON.stringify(channel)}`];
	if (state !== "null" && !state?.startsWith("{")) return ["invalid_message", "a state is an object, or null"];
	const size = new TextEncoder().encode(state).length;
	return size > MOST_STATE_BYTES ? ["invalid_message", `a state has at most ${MOST_STATE_BYTES} bytes, not ${size}`] : void 0;
}
var Upstream, MOST_STATE_BYTES;
var init_upstream = __esmMin((() => {
	init_errors();
	init_listeners();
	init_protocol();
	init_commands();
	init_members();
	init_states();
	Upstream = class {
		#on;
		#subscriptions;
		#ended;
		#error;
		#commands;
		#states = new States();
		#watched = /* @__PURE__ */ new Map();
		#lastId = 0;
		#failures = 0;
		constructor(subscriptions, ended, error) {
			this.#on = subscriptions.on;
			this.#subscriptions = subscriptions;
			this.#ended = ended;
			this.#error = error;
			this.#commands = new Commands(error);
		}
		send(frame) {
			const parsed = JSON.parse(frame);
			const result = this.#commands.add({
				key: randomKey(),
				...parsed,
				id: this.#id()
			});
			this.#on.changed();
			return result;
		}
		setState(channel, state) {
			const fault = faultOfState(channel, state);
			if (fault) return this.#on.failed(new this.#error(...fault, String(channel)));
			this.#states.set(channel, JSON.parse(state));
			this.#on.changed();
		}
		members(channel) {
			return this.#watched.get(channel)?.members.list ?? [];
		}
		watch(channel, handler) {
			const watched = this.#watched.get(channel) ?? this.#begin(channel);
			const remove = watched.listeners.add(handler);
			return () => {
				remove();
				if (watched.listeners.size > 0 || this.#watched.get(channel) !== watched) return;
				this.#watched.delete(channel);
				watched.unsubscribe();
			};
		}
		#begin(channel) {
			const members = new Members();
			const listeners = new Listeners();
			const watched = {
				members,
				listeners,
				unsubscribe: this.#subscriptions.add(channel, (event) => {
					if (members.receive(event)) listeners.call(members.list);
					if (members.isUncertain) this.#on.changed();
				})
			};
			this.#watched.set(channel, watched);
			return watched;
		}
		frames() {
			const readiness = (channel) => this.#readiness(channel);
			for (const channel of this.#states.channels) if (readiness(channel) instanceof Error) this.#states.forget(channel);
			const state = this.#states.frame(this.#id(), readiness);
			return [
				...this.#commands.frames(readiness),
				...state ? [state] : [],
				...this.#questions(readiness)
			];
		}
		#readiness(channel) {
			const subscription = this.#subscriptions.get(channel);
			const error = this.#ended() || subscription?.error;
			if (error && error.code !== "too_many_channels") return error;
			if (!subscription?.listeners.size) return new this.#error("not_subscribed", `${channel} has no handler`, channel);
			return subscription.stage === "live" && subscription.delivering ? "ready" : "waiting";
		}
		#questions(readiness) {
			const frames = [];
			for (const [channel, watched] of this.#watched) {
				if (!watched.members.isUncertain || watched.asked || readiness(channel) !== "ready") continue;
				watched.asked = this.#id();
				watched.members.asked();
				frames.push({
					presence: [channel],
					id: watched.asked
				});
			}
			return frames;
		}
		#id() {
			return `u${++this.#lastId}`;
		}
		receive(frame) {
			if ("subscribed" in frame) this.#on.changed();
			if ("reset" in frame) this.#reset(Object.keys(frame.reset));
			if (!("id" in frame) || typeof frame.id !== "string" || !/^u\d/.test(frame.id)) return false;
			if ("error" in frame) this.#refused(frame.id, frame);
			else this.#accepted(frame.id, frame);
			return true;
		}
		#reset(channels) {
			for (const channel of channels) this.#watched.get(channel)?.members.unanswered();
			this.#on.changed();
		}
		#accepted(id, frame) {
			this.#failures = 0;
			if ("result" in frame) this.#commands.answer(id, frame);
			else if ("presence" in frame) this.#answered(id, frame.presence);
			else if (this.#states.isInFlight(id)) this.#states.answered(false);
			this.#on.changed();
		}
		#answered(id, presence) {
			for (const [channel, watched] of this.#watched) {
				if (watched.asked !== id) continue;
				watched.asked = void 0;
				watched.members.answered(presence[channel]?.members ?? []);
				watched.listeners.call(watched.members.list);
			}
		}
		#refused(id, frame) {
			const { code, message, channel, retry_after } = frame.error;
			const error = new this.#error(code, message, channel);
			if (!(this.#commands.answer(id, frame) || this.#refusedState(id, error) || this.#refusedQuestion(id, error))) this.#on.changed();
			else this.#on.retry(this.#failures++, retry_after === void 0 ? void 0 : retry_after * 1e3);
		}
		#refusedState(id, error) {
			if (!this.#states.isInFlight(id)) return false;
			const again = isTemporary(error.code);
			if (error.channel !== void 0 && !again) this.#states.forget(error.channel);
			else this.#states.answered(again);
			if (!again) this.#on.failed(error);
			return again;
		}
		#refusedQuestion(id, error) {
			for (const watched of this.#watched.values()) {
				if (watched.asked !== id) continue;
				watched.asked = void 0;
				if (isTemporary(error.code)) {
					watched.members.unanswered();
					return true;
				}
				this.#on.failed(error);
			}
			return false;
		}
		closed() {
			this.#commands.closed();
			this.#states.closed();
			for (const watched of this.#watched.values()) {
				watched.asked = void 0;
				watched.members.unanswered();
			}
		}
	};
	MOST_STATE_BYTES = 4096;
}));

// src/client.ts
init_errors();
init_listeners();
init_timer();
var OPTIONS = [
	"token",
	"origin",
	"maxChannels",
	"pingAfter",
	"reconnect",
	"socket",
	"transports"
];
var BroadcastClient = class {
	url;
	origin;
	#link;
	#subscriptions;
	#tabs;
	#states = new Listeners();
	#joins = new Listeners();
	#resets = new Listeners();
	#errors = new Listeners();
	#rateLimiter = new RateLimiter();
	#pause = new Timer();
	#retry = new Timer();
	#flushing = false;
	#ended;
	#upstream;
	#loading;
	constructor(url, options = {}) {
		if (typeof url !== "string" || !url) throw new TypeError(`BroadcastClient needs a URL, not ${url}`);
		checkNames("BroadcastClient", options, OPTIONS);
		const { token, origin = randomId(), maxChannels = 128, pingAfter = 3e4, socket = webSocket } = options;
		checkNumber("maxChannels", maxChannels, 1);
		checkNumber("pingAfter", pingAfter, 1);
		this.url = url;
		this.origin = origin;
		this.#subscriptions = new Subscriptions({
			changed: () => this.#flushSoon(),
			retry: (failures, delay) => this.#retryAfter(failures, delay),
			asksQuiet: () => this.#joins.size > 0,
			joined: (channel, quiet) => this.#joins.call(channel, quiet),
			reset: (channel) => this.#resets.call(channel),
			failed: (error) => this.#failed(error)
		}, maxChannels);
		this.#link = new Link(url, {
			socket,
			mostUnopened: mostUnopened(options),
			tokens: new Tokens(token),
			pingAfter,
			reconnect: reconnectOf(options)
		}, {
			state: (state) => this.#stateChanged(state),
			opened: () => this.#opened(),
			closed: () => this.#closed(),
			noReply: () => this.#subscriptions.assumeJoined(),
			frame: (frame) => this.#received(frame)
		});
		this.#tabs = new Tabs(`pattern-stack:${url}`, (event) => this.#subscriptions.deliverLocal(event));
	}
	get [Symbol.toStringTag]() {
		return "BroadcastClient";
	}
	get state() {
		return this.#link.state;
	}
	get transport() {
		return this.state === "connected" ? this.#link.transport : null;
	}
	get lastClose() {
		return this.#link.lastClose;
	}
	connect = () => {
		this.#ended = void 0;
		this.#tabs.open();
		this.#link.start();
	};
	disconnect = () => this.#link.stop();
	onStateChange = (handler) => this.#states.add(handler);
	onJoin = (handler) => this.#joins.add(handler);
	isJoined = (channel) => this.#subscriptions.isJoined(channel);
	onReset = (handler) => this.#resets.add(handler);
	onError = (handler) => this.#errors.add(handler);
	subscribe = ((channel, handler) => this.#subscriptions.add(channel, handler));
	ready = (channel) => {
		const close = this.lastClose;
		if (close?.final) return Promise.reject(disconnected(close));
		return this.#subscriptions.ready(channel);
	};
	refresh = (channel) => this.#subscriptions.refresh(channel);
	emit = ((channel, event, payload) => {
		checkChannel(channel);
		if (typeof event !== "string" || !event || typeof payload !== "object" || payload === null || Array.isArray(payload)) throw new BroadcastError("invalid_event", "emit(channel, event, payload) needs a name and an object; other tabs get it", channel);
		this.#tabs.send({
			channel,
			event,
			payload,
			timestamp: (/* @__PURE__ */ new Date()).toISOString(),
			origin: this.origin
		});
	});
	send = (async (channel, event, payload = {}, options) => {
		const frame = JSON.stringify({
			send: channel,
			event,
			payload,
			...options
		});
		return (await this.#load()).send(frame);
	});
	setState = (channel, state) => {
		const text = JSON.stringify(state);
		this.#load().then((upstream) => upstream.setState(channel, text));
	};
	presence = (channel) => {
		const members = () => this.#upstream?.members(channel) ?? [];
		return {
			get members() {
				return members();
			},
			onChange: (handler) => {
				const watching = this.#load().then((upstream) => upstream.watch(channel, handler));
				return () => void watching.then((end) => end());
			}
		};
	};
	#load() {
		return this.#loading ??= Promise.resolve().then(() => (init_upstream(), upstream_exports)).then(({ Upstream }) => {
			return this.#upstream = new Upstream(this.#subscriptions, () => this.#ended, BroadcastError);
		});
	}
	#received(frame) {
		if (!this.#upstream?.receive(frame)) this.#subscriptions.receive(frame);
	}
	#stateChanged(state) {
		if (state === "disconnected") {
			this.#tabs.close();
			this.#subscriptions.reject(this.#ended = disconnected(this.lastClose));
			this.#flushSoon();
		}
		this.#states.call(state);
	}
	#opened() {
		this.#subscriptions.opened();
		this.#flush();
	}
	#closed() {
		this.#pause.clear();
		this.#retry.clear();
		this.#flushing = false;
		this.#subscriptions.closed();
		this.#upstream?.closed();
	}
	#flushSoon() {
		if (this.#flushing) return;
		this.#flushing = true;
		queueMicrotask(() => this.#flush());
	}
	#flush() {
		const frames = this.#subscriptions.frames().concat(this.#upstream?.frames() ?? []);
		for (const frame of frames) this.#link.send(frame);
		this.#pauseFor(frames.length > 0 ? this.#rateLimiter.spend(frames.length) : 0);
	}
	#pauseFor(delay) {
		this.#flushing = delay > 0;
		if (delay > 0) this.#pause.set(delay, () => this.#flush());
	}
	#retryAfter(failures, delay) {
		if (delay === void 0) this.#retry.set(backoff(failures), () => this.#flushSoon());
		else this.#pauseFor(delay);
	}
	#failed(error) {
		if (this.#errors.size > 0) this.#errors.call(error);
		else console.warn(`[broadcast] ${error.channel ?? ""} ${error.code}: ${error.message}`);
	}
};
function mostUnopened({ socket, transports = socket && !socket.share ? ["websocket"] : ["websocket", "sse"] }) {
	if (!transports.includes("sse")) return Infinity;
	return transports.includes("websocket") ? 1 : -1;
}
function reconnectOf({ reconnect = {} }) {
	const { first = 1e3, most = 3e4, tries = Infinity } = reconnect;
	checkNames("reconnect", reconnect, Object.keys({
		first,
		most,
		tries
	}));
	checkNumber("reconnect.first", first, 1);
	checkNumber("reconnect.most", most, 1);
	checkNumber("reconnect.tries", tries, 0);
	return {
		first,
		most,
		tries
	};
}
function disconnected(close) {
	return new BroadcastError("disconnected", close ? `${close.code} ${close.reason}` : "disconnect() was called");
}
function randomId() {
	return Array.from({ length: 3 }, () => Math.random().toString(36).slice(2)).join("");
}

// src/instance.ts
var instance;
function initBroadcast(url, options) {
	if (!instance || instance.client.url !== url || options && !isEqual(instance.options, options)) {
		const client = new BroadcastClient(url, options);
		instance?.client.disconnect();
		instance = {
			client,
			options: { ...options }
		};
	}
	instance.client.connect();
	return instance.client;
}
function getBroadcastClient() {
	if (!instance) throw new Error("call initBroadcast(url) first");
	return instance.client;
}

// src/index.ts
init_errors();

export { BroadcastClient, BroadcastError, getBroadcastClient, initBroadcast, webSocket };