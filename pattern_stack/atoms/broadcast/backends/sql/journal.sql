-- State that instances share: see bridge/journal.py. base, base_id: the entry that the snapshot is the state behind.
-- life: that of the store when the journal was settled last; new_life, since: the first call that found it unsettled.
-- ended: the id of the step that ended it.
CREATE TABLE @journals (
  channel text COLLATE "C" PRIMARY KEY,
  number bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  base bigint NOT NULL,
  base_id text COLLATE "C" NOT NULL,
  snapshot bytea,
  about bytea,
  life text,
  new_life text,
  since timestamptz,
  ended text,
  expires timestamptz NOT NULL
);
ALTER TABLE @journals ALTER snapshot SET STORAGE EXTERNAL;
CREATE INDEX ON @journals (expires);
CREATE TABLE @entries (
  channel text COLLATE "C" NOT NULL,
  number bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  entry bytea NOT NULL,
  PRIMARY KEY (channel, number)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000);

CREATE FUNCTION @life_of(life text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT life || ' ' || generation FROM @meta
$$;

-- Whether the store knows all of the journal that it can know.
CREATE FUNCTION @settled(life text, channel text, settling bigint) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  head record;
BEGIN
  SELECT j.life, j.new_life, j.since INTO head FROM @journals j WHERE j.channel = channel;
  IF head.life = life THEN
    RETURN true;
  ELSIF head.new_life IS DISTINCT FROM life THEN
    UPDATE @journals j SET new_life = life, since = clock_timestamp() WHERE j.channel = channel;
    RETURN false;
  ELSIF clock_timestamp() - head.since < settling * interval '1 millisecond' THEN
    RETURN false;
  END IF;
  UPDATE @journals j SET life = life WHERE j.channel = channel;
  RETURN true;
END $$;

-- One transaction: the entry and its events, or neither. counts, millis, sizes: how much is kept, as @publish takes them.
CREATE FUNCTION @journal_append(
  server text, channel text, topic text, after bigint, follows text, step text, entry bytea, about bytea, whole bytea,
  ends boolean, again boolean, bodies bytea[], publishes bigint[], counts bigint, millis bigint, sizes bigint,
  kept bigint, ended_kept bigint, settling bigint
) RETURNS TABLE (life text, state text) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  head record;
  theirs text;
  n integer := cardinality(bodies);
BEGIN
  PERFORM pg_advisory_xact_lock(@class, hashtext(channel) & 255);
  life := @life_of(server);
  SELECT j.number, j.id, j.ended INTO head FROM @journals j WHERE j.channel = channel AND j.expires > clock_timestamp();
  IF head.ended IS NOT NULL THEN
    state := CASE WHEN head.ended = step THEN 'done' ELSE 'gone' END;
  ELSIF head.number IS NULL AND after > 0 THEN
    state := 'gone';
  ELSIF head.number IS NOT NULL AND NOT @settled(life, channel, settling) THEN
    state := 'unsettled';
  ELSIF head.number > after THEN
    theirs := CASE WHEN head.number = after + 1 THEN head.id
      ELSE (SELECT e.id FROM @entries e WHERE e.channel = channel AND e.number = after + 1) END;
    state := CASE WHEN theirs = step THEN 'done' WHEN theirs IS NULL AND again THEN 'unknown' ELSE 'moved' END;
  ELSIF head.number < after OR head.id <> follows THEN
    state := 'moved';
  END IF;
  IF state IS NOT NULL THEN
    RETURN NEXT;
    RETURN;
  END IF;
  state := 'done';
  IF ends THEN
    DELETE FROM @entries e WHERE e.channel = channel;
    UPDATE @journals j SET ended = step, snapshot = NULL, about = NULL,
      expires = clock_timestamp() + ended_kept * interval '1 millisecond' WHERE j.channel = channel;
  ELSIF whole IS NOT NULL THEN
    DELETE FROM @entries e WHERE e.channel = channel;
    INSERT INTO @journals AS j (channel, number, id, base, base_id, snapshot, about, life, expires)
      VALUES (channel, after + 1, step, after + 1, step, whole, about, life,
        clock_timestamp() + kept * interval '1 millisecond')
      ON CONFLICT ON CONSTRAINT @journals_pkey# DO UPDATE SET number = EXCLUDED.number, id = EXCLUDED.id,
        base = EXCLUDED.base, base_id = EXCLUDED.base_id, snapshot = EXCLUDED.snapshot, about = EXCLUDED.about, life = EXCLUDED.life, ended = NULL,
        expires = EXCLUDED.expires;
  ELSE
    INSERT INTO @entries VALUES (channel, after + 1, step, entry);
    UPDATE @journals j SET number = after + 1, id = step, about = about,
      expires = clock_timestamp() + kept * interval '1 millisecond' WHERE j.channel = channel;
  END IF;
  IF n > 0 THEN
    PERFORM count(*) FROM @publish(server, array_fill(channel, ARRAY[n]), array_fill(topic, ARRAY[n]), bodies, publishes,
      array_fill(-1::bigint, ARRAY[n]), array_fill(counts, ARRAY[n]), array_fill(millis, ARRAY[n]),
      array_fill(sizes, ARRAY[n]), array_fill(NULL::text, ARRAY[n]), 0);
  END IF;
  RETURN NEXT;
END $$;

-- In a first row where the journal stands, and its snapshot if the entries do not reach back; then the entries.
CREATE FUNCTION @journal_read(server text, channel text, known bigint, known_id text, kept bigint, settling bigint)
RETURNS TABLE (life text, state text, number bigint, id text, epoch text, place bigint, data bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  head record;
  first bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(@class, hashtext(channel) & 255);
  life := @life_of(server);
  SELECT j.number, j.id, j.base, j.base_id, j.ended, j.expires INTO head FROM @journals j
    WHERE j.channel = channel AND j.expires > clock_timestamp();
  IF head.number IS NULL OR head.ended IS NOT NULL THEN
    state := 'gone';
  ELSIF NOT @settled(life, channel, settling) THEN
    state := 'unsettled';
  ELSE
    state := 'there';
  END IF;
  IF state <> 'there' THEN
    RETURN NEXT;
    RETURN;
  END IF;
  IF head.expires < clock_timestamp() + kept * interval '0.5 millisecond' THEN
    UPDATE @journals j SET expires = clock_timestamp() + kept * interval '1 millisecond' WHERE j.channel = channel;
  END IF;
  number := head.number;
  id := head.id;
  SELECT p.epoch, p.place INTO epoch, place FROM @positions(server, ARRAY[channel]) p;
  first := known;
  IF known < head.base OR known > head.number OR (known = head.number AND known_id <> head.id)
      OR (known = head.base AND known_id <> head.base_id)
      OR (known > head.base AND NOT EXISTS (
        SELECT FROM @entries e WHERE e.channel = channel AND e.number = known AND e.id = known_id)
        AND NOT (known = head.number AND known_id = head.id)) THEN
    first := head.base;
    data := (SELECT j.snapshot FROM @journals j WHERE j.channel = channel);
  END IF;
  RETURN NEXT;
  RETURN QUERY SELECT ''::text, ''::text, e.number, e.id, ''::text, 0::bigint, e.entry FROM @entries e
    WHERE e.channel = channel AND e.number > first ORDER BY e.number;
END $$;

CREATE FUNCTION @journal_compact(channel text, number bigint, id text, whole bytea) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
  PERFORM pg_advisory_xact_lock(@class, hashtext(channel) & 255);
  UPDATE @journals j SET base = number, base_id = id, snapshot = whole WHERE j.channel = channel AND j.base < number
    AND EXISTS (SELECT FROM @entries e WHERE e.channel = channel AND e.number = number AND e.id = id);
  IF FOUND THEN
    DELETE FROM @entries e WHERE e.channel = channel AND e.number <= number;
  END IF;
END $$;

-- Returns whether it is wanted with its snapshot.
CREATE FUNCTION @journal_offer(
  server text, channel text, number bigint, id text, about bytea, whole bytea, kept bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  head record;
  life text;
BEGIN
  PERFORM pg_advisory_xact_lock(@class, hashtext(channel) & 255);
  life := @life_of(server);
  SELECT j.number, j.life, j.new_life, j.since, j.ended INTO head FROM @journals j
    WHERE j.channel = channel AND j.expires > clock_timestamp();
  IF head.ended IS NOT NULL OR head.life = life OR head.number >= number THEN
    RETURN false;
  ELSIF whole IS NULL THEN
    RETURN true;
  END IF;
  DELETE FROM @entries e WHERE e.channel = channel;
  DELETE FROM @journals j WHERE j.channel = channel;
  INSERT INTO @journals (channel, number, id, base, base_id, snapshot, about, new_life, since, expires) VALUES (channel, number,
    id, number, id, whole, about, life, CASE WHEN head.new_life = life THEN head.since ELSE clock_timestamp() END,
    clock_timestamp() + kept * interval '1 millisecond');
  RETURN false;
END $$;
