-- What is carried out once by its key: see core/ledger.py. step: claim, renew or settle. kept, lease: milliseconds.
CREATE FUNCTION @ledger(step text, place text, key text, owner text, kept bigint, lease bigint, result bytea)
RETURNS TABLE (state text, answer bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  now timestamptz;
  record record;
BEGIN
  PERFORM pg_advisory_xact_lock(@class, 512 + (hashtext(place || ' ' || key) & 255));
  now := clock_timestamp();
  state := '';
  answer := '';
  SELECT c.owner, c.renewed, c.result INTO record FROM @claims c
    WHERE c.place = place AND c.key = key AND c.expires > now;
  IF step <> 'claim' THEN
    UPDATE @claims c SET renewed = now, expires = now + kept * interval '1 millisecond',
        result = CASE WHEN step = 'settle' THEN result ELSE c.result END
      WHERE c.place = place AND c.key = key AND c.expires > now AND c.owner = owner;
  ELSIF record.result IS NOT NULL THEN
    state := 'done';
    answer := record.result;
  ELSIF record.owner <> owner THEN
    state := CASE WHEN now - record.renewed <= lease * interval '1 millisecond' THEN 'running' ELSE 'lost' END;
  ELSE
    state := 'new';
    INSERT INTO @claims AS c VALUES (place, key, owner, now, now + kept * interval '1 millisecond')
      ON CONFLICT ON CONSTRAINT @claims_pkey# DO UPDATE
      SET owner = EXCLUDED.owner, renewed = EXCLUDED.renewed, expires = EXCLUDED.expires, result = NULL;
  END IF;
  RETURN NEXT;
END $$;
