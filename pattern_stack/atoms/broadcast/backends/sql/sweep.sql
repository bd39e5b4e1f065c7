-- Remove what has run out, of some channels after a name, and what does not belong to a channel's events where after is ''.
-- Returns the last channel that was looked at; NULL at the end.
CREATE FUNCTION @sweep(after text, most bigint) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  now timestamptz := clock_timestamp();
  name text := after;
  newest record;
BEGIN
  IF after = '' THEN
    UPDATE @meta m SET swept = now WHERE m.swept < now - interval '10 minutes';
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
    DELETE FROM @keys k WHERE k.expires < now;
    DELETE FROM @claims c WHERE c.expires < now;
    DELETE FROM @entries e USING @journals j WHERE j.channel = e.channel AND j.expires < now;
    DELETE FROM @journals j WHERE j.expires < now;
    DELETE FROM @tries t WHERE t.at < now - interval '1 hour';
    DELETE FROM @lives l WHERE l.at < now - interval '2 days'
      AND NOT EXISTS (SELECT FROM @events e WHERE e.channel = l.channel);
    DELETE FROM @leases l WHERE l.until < now - interval '10 minutes';
    DELETE FROM @members m WHERE NOT EXISTS (
      SELECT FROM @leases l WHERE l.channel = m.channel AND l.instance = m.instance);
  END IF;
  FOR i IN 1 .. most LOOP
    SELECT e.channel INTO name FROM @events e WHERE e.channel > name ORDER BY e.channel LIMIT 1;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
    SELECT e.place, e.at, e.expires INTO newest FROM @events e WHERE e.channel = name ORDER BY e.place DESC LIMIT 1;
    -- a publish that is tried again is looked for: for a minute all that is new stays
    IF newest.expires < now AND newest.at < now - interval '1 minute'
        AND pg_try_advisory_xact_lock(@class, hashtext(name) & 255) THEN
      SELECT e.place, e.at, e.expires INTO newest FROM @events e WHERE e.channel = name ORDER BY e.place DESC LIMIT 1;
      DELETE FROM @events e WHERE e.channel = name AND newest.expires < now
        AND newest.at < now - interval '1 minute' AND (e.place < newest.place OR newest.at < now - interval '1 day');
    END IF;
  END LOOP;
  RETURN name;
END $$;
