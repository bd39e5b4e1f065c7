-- What all instances share. A name behind an @ is one of this application's, in its schema and with its prefix.
--
-- An epoch's name is made of the server's life (system identifier, timeline, database), the generation of all channels and
-- what @lives has of this one; the period of 6 hours in which the channel's first event came ends it. A promoted replica has another timeline, whatever it lacks.
-- A channel's state is its newest event, kept for a day after it came. So an epoch that was told up to 3 periods before
-- the channel's began was that of no event: it is the same order.
CREATE TABLE @meta (version integer NOT NULL, generation text NOT NULL, swept timestamptz NOT NULL);
INSERT INTO @meta VALUES (2, md5(random()::text || clock_timestamp()::text), clock_timestamp());

-- before: bytes of the epoch's events before this one. first: the oldest place that is kept. swept: the oldest that was not
-- deleted yet. expires: until when it is replayed. publish: the publish's id.
CREATE TABLE @events (
  channel text COLLATE "C" NOT NULL,
  place bigint NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  publish bigint NOT NULL,
  at timestamptz NOT NULL,
  expires timestamptz NOT NULL,
  before bigint NOT NULL,
  first bigint NOT NULL,
  swept bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (channel, place)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000);
ALTER TABLE @events ALTER body SET STORAGE EXTERNAL;

-- Channels that lost events before they came here, and began anew.
CREATE TABLE @lives (channel text COLLATE "C" PRIMARY KEY, life text NOT NULL, at timestamptz NOT NULL);

-- The places of publishes with a key, for 300 s.
CREATE TABLE @keys (
  channel text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  place bigint NOT NULL,
  publish bigint NOT NULL,
  expires timestamptz NOT NULL,
  PRIMARY KEY (channel, key)
);
CREATE INDEX ON @keys (expires);

-- Publishes that were tried again: a broken network may still deliver the first try.
CREATE TABLE @tries (publish bigint PRIMARY KEY, at timestamptz NOT NULL);

CREATE TABLE @members (
  channel text COLLATE "C" NOT NULL,
  connection text COLLATE "C" NOT NULL,
  instance text COLLATE "C" NOT NULL,
  since bigint NOT NULL,
  about bytea NOT NULL,
  PRIMARY KEY (channel, connection)
);
CREATE TABLE @leases (
  channel text COLLATE "C" NOT NULL,
  instance text COLLATE "C" NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (channel, instance)
);

-- Commands that are carried out once.
CREATE TABLE @claims (
  place text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  owner text COLLATE "C" NOT NULL,
  renewed timestamptz NOT NULL,
  expires timestamptz NOT NULL,
  result bytea,
  PRIMARY KEY (place, key)
);
CREATE INDEX ON @claims (expires);

-- Tables that were emptied by hand are another order.
CREATE FUNCTION @emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE @meta SET generation = md5(random()::text || clock_timestamp()::text);
  RETURN NULL;
END $$;
CREATE TRIGGER emptied AFTER TRUNCATE ON @events EXECUTE FUNCTION @emptied();
