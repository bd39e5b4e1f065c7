// Made by `pattern-stack types`: do not edit.

/** The channels of the application, in the order in which they are declared. */
export type Channels = [
  OrdersChannel,
  OrderChannel,
  RoomChannel,
  FilesChannel,
  NewsChannel,
];

/** The orders of one tenant. */
export interface OrdersChannel {
  channel: `orders:${string}`;
  events: {
    /**
     * A customer has placed an order.
     *
     * It is not paid yet. *\/ stays inside of a comment.
     */
    created: OrderCreated;
    removed: OrderRemoved;
    paid: Card | Invoice;
  };
  commands: {
    /** Cancel an order that has not been shipped. */
    cancel: {
      payload: Cancel;
      result: Cancelled;
    };
    "forget/all~": {
      payload?: { [key: string]: unknown };
      result: null;
    };
    list: {
      payload?: { [key: string]: unknown };
      result: PageLine;
    };
  };
}

export interface OrderChannel {
  channel: `orders:${string}:${string}`;
  events: {
    /** It may hold others. */
    "moved to": Category;
    "line/~": Line;
  };
  commands: {};
}

export interface RoomChannel {
  channel: `room:${string}`;
  events: {
    said: Line;
    /** The channel's state, for who joins it. */
    snapshot: { [key: string]: unknown };
    /** A connection came to the channel. */
    "presence-joined": {
      connection_id: string;
      /** The user's key, or what the channel shows of a user; null for an anonymous one. */
      user: unknown;
      /** How many are on the channel. */
      count: number;
    };
    /** A connection left the channel. */
    "presence-left": {
      connection_id: string;
      /** The user's key, or what the channel shows of a user; null for an anonymous one. */
      user: unknown;
      /** How many are on the channel. */
      count: number;
    };
    /** A connection shows something else of itself. */
    "presence-state": {
      connection_id: string;
      /** The user's key, or what the channel shows of a user; null for an anonymous one. */
      user: unknown;
      state: { [key: string]: unknown } | null;
    };
  };
  commands: {};
}

export interface FilesChannel {
  channel: `files:${string}`;
  rest: true;
  events: {
    changed: Line;
    snapshot: PageLine;
  };
  commands: {};
}

export interface NewsChannel {
  channel: "news";
  events: { [event: string]: { [key: string]: any } };
  commands: {};
}

/** Which order, and why. */
export interface Cancel {
  /** @format uuid */
  id: string;
  payment: Card | Invoice;
  reason?: string;
  lines?: Line[];
  at?: string | null;
  amount?: number | string | null;
  counts?: { [key in Status]?: number };
  size?: [number, string] | null;
}

export interface Cancelled {
  refund: string;
  status: Status;
}

export interface Card {
  kind: "card";
  last_four: string;
}

/** It may hold others. */
export interface Category {
  name: string;
  children?: Category[];
}

export interface Invoice {
  kind: "invoice";
  due?: string | null;
}

export type Level = 1 | 2;

export interface Line {
  sku: string;
  /** Pieces. */
  count: number;
}

/**
 * A customer has placed an order.
 *
 * It is not paid yet. *\/ stays inside of a comment.
 */
export interface OrderCreated {
  /** @format uuid */
  id: string;
  /** @format date-time */
  placedAt: string;
  /** In euros. */
  total: string;
  status?: Status;
  level?: Level;
  lines: Line[];
  bySku?: { [key: string]: Line };
  counts?: { [key in Status]?: number };
  payment?: Card | Invoice | null;
  /** The first of the lines. */
  firstLine?: Line | null;
  pages: PageLine;
  category: Category;
  size: [number, string];
  rest?: number[];
  tags?: string[];
  took?: string | null;
  anything?: unknown;
  sort?: "up" | 1 | null;
  on?: string | null;
  "strange-name"?: number;
  /** How many pieces there are. */
  pieces: number;
}

export interface OrderRemoved {
  /** @format uuid */
  id: string;
  reason: string | null;
}

export interface PageLine {
  items: Line[];
  total: number;
}

/** How far an order is. */
export type Status = "new" | "shipped";
