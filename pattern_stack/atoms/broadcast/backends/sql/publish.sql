-- Where a channel stands: its newest event, if that is of this life of the server. Otherwise the epoch is the one that the
-- next event will begin.
CREATE FUNCTION @named(life text, channel text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT left(md5(concat_ws(' ', life, generation, (SELECT l.life FROM @lives l WHERE l.channel = $2))), 12) FROM @meta
$$;

-- Give events their places, keep them, and tell every instance: one transaction, so that there is one order. The locks of
-- the channels are taken in one order by everybody, and NOTIFY passes messages on in the order of commits.
-- tried: milliseconds since a publish was first tried and its answer lost; -1 where this is the first time. counts, millis,
-- sizes: how much is kept. keys: NULL, or what makes a repeat known for key_millis.
-- For each: state 0 and its place; 1 and the first one's place and body, if its key was used before; 2, where it cannot be
-- known whether the first try came through, and for a first try that comes after the second one.
CREATE FUNCTION @publish(
  life text, channels text[], topics text[], bodies bytea[], publishes bigint[], tried bigint[], counts bigint[],
  millis bigint[], sizes bigint[], keys text[], key_millis bigint
) RETURNS TABLE (epoch text, place bigint, state bigint, body bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  named text;
  now timestamptz;
  lock integer;
  known boolean;
  last record;
  other record;
  total bigint;
  kept bigint;
BEGIN
  FOR lock IN SELECT DISTINCT hashtext(c) & 255 FROM unnest(channels) c ORDER BY 1 LOOP
    PERFORM pg_advisory_xact_lock(@class, lock);
  END LOOP;
  LOCK TABLE @events IN ROW EXCLUSIVE MODE; -- or it could be emptied once the epoch's name is known
  now := clock_timestamp();
  FOR i IN 1 .. cardinality(channels) LOOP
    named := @named(life, channels[i]);
    SELECT e.epoch, e.place, e.before + octet_length(e.body) AS total, e.first, e.swept INTO last
      FROM @events e WHERE e.channel = channels[i] ORDER BY e.place DESC LIMIT 1;
    known := FOUND AND split_part(last.epoch, '-', 1) = named;
    IF keys[i] IS NOT NULL AND known THEN
      SELECT k.place, k.publish INTO other FROM @keys k
        WHERE k.channel = channels[i] AND k.key = keys[i] AND k.epoch = last.epoch AND k.expires > now;
      IF FOUND THEN
        epoch := last.epoch;
        place := other.place;
        state := (other.publish <> publishes[i])::integer;
        body := (SELECT e.body FROM @events e WHERE state = 1 AND e.channel = channels[i] AND e.place = other.place
          AND e.place >= last.first AND e.expires > now);
        RETURN NEXT;
        CONTINUE;
      END IF;
    END IF;
    epoch := NULL;
    place := NULL;
    body := NULL;
    state := 2;
    IF tried[i] >= 0 THEN
      SELECT e.epoch, e.place INTO other FROM @events e WHERE known AND e.channel = channels[i]
        AND e.place >= last.swept AND e.publish = publishes[i] LIMIT 1;
      IF FOUND THEN
        epoch := other.epoch;
        place := other.place;
        state := 0;
        RETURN NEXT;
        CONTINUE;
      END IF;
      -- whether all that was published since the first try has been looked at
      IF known AND last.swept > 1 AND NOT EXISTS (SELECT FROM @events e WHERE e.channel = channels[i]
          AND e.place = last.swept AND e.at < now - tried[i] * interval '1 millisecond') THEN
        RETURN NEXT;
        CONTINUE;
      END IF;
      INSERT INTO @tries VALUES (publishes[i], now) ON CONFLICT DO NOTHING;
    ELSIF EXISTS (SELECT FROM @tries t WHERE t.publish = publishes[i]) THEN
      RETURN NEXT;
      CONTINUE;
    END IF;
    IF NOT known THEN
      DELETE FROM @events e WHERE e.channel = channels[i];
      SELECT named || '-' || floor(extract(epoch FROM now) / 21600)::bigint AS epoch, 0::bigint AS place,
        0::bigint AS total, 1::bigint AS first, 1::bigint AS swept INTO last;
    END IF;
    place := last.place + 1;
    total := last.total + octet_length(bodies[i]);
    kept := greatest(last.first, place - counts[i] + 1);
    WHILE kept < place LOOP
      SELECT e.before, e.at INTO other FROM @events e WHERE e.channel = channels[i] AND e.place = kept;
      EXIT WHEN total - other.before <= sizes[i] AND other.at >= now - millis[i] * interval '1 millisecond';
      kept := kept + 1;
    END LOOP;
    IF kept - last.swept >= 32 OR (kept > last.swept AND octet_length(bodies[i]) > 8192) THEN
      DELETE FROM @events e WHERE e.channel = channels[i] AND e.place >= last.swept AND e.place < kept;
      last.swept := kept;
    END IF;
    epoch := last.epoch;
    state := 0;
    INSERT INTO @events VALUES (channels[i], place, epoch, publishes[i], now,
      now + millis[i] * interval '1 millisecond', last.total, kept, last.swept, bodies[i]);
    IF keys[i] IS NOT NULL THEN
      INSERT INTO @keys AS k VALUES (channels[i], keys[i], epoch, place, publishes[i],
          now + key_millis * interval '1 millisecond')
        ON CONFLICT ON CONSTRAINT @keys_pkey# DO UPDATE SET epoch = EXCLUDED.epoch, place = EXCLUDED.place,
          publish = EXCLUDED.publish, expires = EXCLUDED.expires;
    END IF;
    -- a message has less than 8,000 bytes: what is longer is read by those who are told of it
    PERFORM pg_notify(topics[i], concat_ws(' ', channels[i], epoch, place,
      CASE WHEN octet_length(bodies[i]) + octet_length(channels[i]) < 7800 THEN convert_from(bodies[i], 'UTF8') ELSE '' END));
    RETURN NEXT;
  END LOOP;
END $$;

-- A channel that lost events before they came here begins a new epoch, and its followers are told: place 0, and no event.
CREATE FUNCTION @anew(life text, channel text, topic text) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
  PERFORM pg_advisory_xact_lock(@class, hashtext(channel) & 255);
  INSERT INTO @lives AS l VALUES (channel, md5(random()::text || clock_timestamp()::text), clock_timestamp())
    ON CONFLICT ON CONSTRAINT @lives_pkey# DO UPDATE SET life = EXCLUDED.life, at = EXCLUDED.at;
  PERFORM pg_notify(topic, concat_ws(' ', channel, p.epoch, 0, '-')) FROM @positions(life, ARRAY[channel]) p;
END $$;
