CREATE FUNCTION @positions(life text, channels text[]) RETURNS TABLE (epoch text, place bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  named text;
  channel text;
BEGIN
  FOREACH channel IN ARRAY channels LOOP
    named := @named(life, channel);
    SELECT e.epoch, e.place INTO epoch, place FROM @events e WHERE e.channel = channel ORDER BY e.place DESC LIMIT 1;
    IF epoch IS NULL OR split_part(epoch, '-', 1) <> named THEN
      epoch := named || '-' || floor(extract(epoch FROM clock_timestamp()) / 21600)::bigint;
      place := 0;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- The channel's newest place, in a first row, and the first events after a known one, up to the last that is wanted.
-- The rows end with the event that brings them to so many bytes.
CREATE FUNCTION @read(life text, channel text, told text, after bigint, until bigint, most bigint)
RETURNS TABLE (epoch text, place bigint, body bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  newest record;
  later bigint;
  start record;
BEGIN
  SELECT p.epoch, p.place INTO epoch, place FROM @positions(life, ARRAY[channel]) p;
  RETURN NEXT;
  SELECT e.epoch, e.first INTO newest FROM @events e WHERE e.channel = channel ORDER BY e.place DESC LIMIT 1;
  IF newest.epoch IS DISTINCT FROM epoch THEN
    RETURN;
  END IF;
  IF told <> epoch THEN
    IF told !~ '^[^-]+-\d{1,16}$' OR split_part(told, '-', 1) <> split_part(epoch, '-', 1) THEN
      RETURN;
    END IF;
    later := split_part(epoch, '-', 2)::bigint - split_part(told, '-', 2)::bigint;
    IF later NOT BETWEEN 1 AND 3 THEN
      RETURN;
    END IF;
  END IF;
  SELECT e.place, e.before INTO start FROM @events e WHERE e.channel = channel
    AND e.place >= greatest(after + 1, newest.first) AND e.expires > clock_timestamp() ORDER BY e.place LIMIT 1;
  IF FOUND THEN
    RETURN QUERY SELECT e.epoch, e.place, e.body FROM @events e WHERE e.channel = channel AND e.place >= start.place
      AND e.place <= least(until, place) AND e.before < start.before + most ORDER BY e.place;
  END IF;
END $$;
