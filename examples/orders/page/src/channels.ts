// Made by `pattern-stack types`: do not edit.

/** The channels of the application, in the order in which they are declared. */
export type Channels = [
  OrdersChannel,
  TabsChannel,
];

/** Each change of an order, once it is committed. */
export interface OrdersChannel {
  channel: "orders";
  events: {
    /** Fetch this order again. */
    created: OrderChanged;
    /** Fetch this order again. */
    updated: OrderChanged;
    /** Fetch this order again. */
    deleted: OrderChanged;
  };
  commands: {};
}

/** What the tabs of one browser tell each other. The server publishes nothing here. */
export interface TabsChannel {
  channel: "orders:tabs";
  events: {
    asked: Create | Update | Delete;
    /** The change that was asked for is none: fetch the orders again. */
    refused: Refused;
  };
  commands: {};
}

export interface Create {
  kind: "create";
  order: NewOrder;
}

export interface Delete {
  kind: "delete";
  id: string;
}

export interface NewOrder {
  id: string;
  customer: string;
  item: string;
  quantity: number;
}

/** Fetch this order again. */
export interface OrderChanged {
  entity_id: string;
}

/** The change that was asked for is none: fetch the orders again. */
export type Refused = { [key: string]: unknown };

export interface Update {
  kind: "update";
  id: string;
  status: "new" | "packed" | "shipped";
}
