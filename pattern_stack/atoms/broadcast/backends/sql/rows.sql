-- Records by key, the newest of each place: see atoms/table.py for the steps. Those with an earlier timestamp than oldest are
-- gone, and the oldest beyond most. Places in the order only grow: what comes and goes between two pages shifts nothing.
CREATE TABLE @rows (
  place text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  turn bigint GENERATED ALWAYS AS IDENTITY,
  at double precision NOT NULL,
  tags text[] NOT NULL,
  data text NOT NULL,
  PRIMARY KEY (place, key)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
CREATE UNIQUE INDEX ON @rows (place, turn);

CREATE FUNCTION @trim(place text, most bigint, oldest double precision) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  first record;
  beyond bigint := (SELECT count(*) FROM @rows r WHERE r.place = place) - most;
BEGIN
  FOR first IN SELECT r.key, r.at FROM @rows r WHERE r.place = place ORDER BY r.turn LOOP
    EXIT WHEN first.at >= oldest AND beyond <= 0;
    DELETE FROM @rows r WHERE r.place = place AND r.key = first.key;
    beyond := beyond - 1;
  END LOOP;
END $$;

CREATE FUNCTION @rows(
  place text, most bigint, oldest double precision, what text, key text, old text, new text, at double precision,
  tags text[], count bigint, before bigint
) RETURNS TABLE (data text[], total bigint, following bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  one record;
  size bigint := 0;
BEGIN
  data := '{}';
  total := 0;
  IF what IN ('swap', 'clear') THEN
    PERFORM pg_advisory_xact_lock(@class, 768 + (hashtext(place) & 255));
  END IF;
  IF what <> 'get' THEN
    PERFORM @trim(place, most, oldest);
  END IF;
  IF what = 'get' THEN
    data := ARRAY(SELECT r.data FROM @rows r WHERE r.place = place AND r.key = key AND r.at >= oldest);
  ELSIF what = 'swap' THEN
    SELECT r.data, r.at INTO one FROM @rows r WHERE r.place = place AND r.key = key;
    IF one.data IS NOT DISTINCT FROM old OR one.data IS NOT DISTINCT FROM new THEN
      total := 1;
      IF new IS NOT NULL AND one.at = at THEN
        UPDATE @rows r SET tags = tags, data = new WHERE r.place = place AND r.key = key;
      ELSE
        DELETE FROM @rows r WHERE r.place = place AND r.key = key;
        IF new IS NOT NULL THEN
          INSERT INTO @rows (place, key, at, tags, data) VALUES (place, key, at, tags, new);
          PERFORM @trim(place, most, oldest);
        END IF;
      END IF;
    END IF;
  ELSIF what = 'page' THEN
    total := (SELECT count(*) FROM @rows r WHERE r.place = place AND r.tags @> tags);
    FOR one IN SELECT r.data, r.turn FROM @rows r WHERE r.place = place AND r.tags @> tags
        AND (before IS NULL OR r.turn < before) ORDER BY r.turn DESC LIMIT count + 1 LOOP
      size := size + octet_length(one.data);
      IF cardinality(data) = count OR (cardinality(data) > 0 AND size > 1048576) THEN
        following := before;
        EXIT;
      END IF;
      data := data || one.data;
      before := one.turn;
    END LOOP;
  ELSIF what = 'keys' THEN
    data := ARRAY(SELECT r.key FROM @rows r WHERE r.place = place AND r.tags @> tags ORDER BY r.turn);
  ELSIF what = 'clear' THEN
    DELETE FROM @rows r WHERE r.place = place AND r.tags @> tags;
    GET DIAGNOSTICS total = ROW_COUNT;
  ELSE
    total := (SELECT count(*) FROM @rows r WHERE r.place = place AND r.tags @> tags);
  END IF;
  RETURN NEXT;
END $$;
