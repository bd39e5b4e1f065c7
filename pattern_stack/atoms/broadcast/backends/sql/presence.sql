-- Who is on a channel, and the instances' leases. what: join (args: connection, user), state (connection, user), leave
-- (connection), look, renew (connections). The user is JSON, and behind a newline, where the connection shows one, its state;
-- the step state replaces it and keeps the time, where the connection is there. In any case, members of instances whose lease has run out are gone, and told.
-- gone is a list of connection and value in turn, where a value is "instance time user"; the answer to look is the whole
-- list in the same form, that to renew and state the connections that are missing.
CREATE FUNCTION @attend(channel text, instance text, lease bigint, what text, args bytea[])
RETURNS TABLE (total bigint, gone bytea[], answer bytea[]) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  now timestamptz;
  who record;
BEGIN
  PERFORM pg_advisory_xact_lock(@class, 256 + (hashtext(channel) & 255));
  now := clock_timestamp();
  gone := '{}';
  answer := '{}';
  FOR who IN WITH dead AS (
      DELETE FROM @leases l WHERE l.channel = channel AND l.instance <> instance AND l.until <= now RETURNING l.instance
    ) DELETE FROM @members m USING dead WHERE m.channel = channel AND m.instance = dead.instance RETURNING m.* LOOP
    gone := gone || ARRAY[convert_to(who.connection, 'UTF8'),
      convert_to(who.instance || ' ' || who.since || ' ', 'UTF8') || who.about];
  END LOOP;
  IF what = 'join' THEN
    DELETE FROM @members m WHERE m.channel = channel AND m.connection = convert_from(args[1], 'UTF8');
    INSERT INTO @members VALUES (channel, convert_from(args[1], 'UTF8'), instance,
      floor(extract(epoch FROM now) * 1000)::bigint, args[2]);
  ELSIF what = 'state' THEN
    UPDATE @members m SET about = args[2] WHERE m.channel = channel AND m.connection = convert_from(args[1], 'UTF8');
    IF NOT FOUND THEN
      answer := ARRAY[args[1]];
    END IF;
  ELSIF what = 'leave' THEN
    DELETE FROM @members m WHERE m.channel = channel AND m.connection = convert_from(args[1], 'UTF8');
  ELSIF what = 'look' THEN
    FOR who IN SELECT m.* FROM @members m WHERE m.channel = channel LOOP
      answer := answer || ARRAY[convert_to(who.connection, 'UTF8'),
        convert_to(who.instance || ' ' || who.since || ' ', 'UTF8') || who.about];
    END LOOP;
  ELSIF what = 'renew' THEN
    answer := ARRAY(SELECT asked FROM unnest(args) asked WHERE NOT EXISTS (
      SELECT FROM @members m WHERE m.channel = channel AND m.connection = convert_from(asked, 'UTF8')));
  END IF;
  IF what IN ('join', 'renew') THEN
    INSERT INTO @leases AS l VALUES (channel, instance, now + lease * interval '1 millisecond')
      ON CONFLICT ON CONSTRAINT @leases_pkey# DO UPDATE SET until = EXCLUDED.until;
  END IF;
  total := (SELECT count(*) FROM @members m WHERE m.channel = channel);
  RETURN NEXT;
END $$;
