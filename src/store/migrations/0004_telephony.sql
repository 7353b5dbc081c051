-- Users, aliases and trunks as the edge of the platform sees them: what changed (so that no Kamailio needs
-- the database to know a user), the routing of calls to trunks, the homes of conferences, the call log.

-- The operator's list of trunks. dr_gateways and dr_rules are made from it and from nothing else.
CREATE TABLE carna.trunk (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
    host       text NOT NULL CHECK (host ~ '^[A-Za-z0-9.-]{1,100}$'),
    port       integer NOT NULL DEFAULT 5060 CHECK (port BETWEEN 1 AND 65535),
    transport  text NOT NULL DEFAULT 'udp' CHECK (transport IN ('udp', 'tcp', 'tls')),
    -- Numbers that it carries; the longest wins. Empty or '+': all.
    prefix     text NOT NULL DEFAULT '' CHECK (prefix ~ '^\+?[0-9]{0,15}$'),
    -- The higher is tried first.
    priority   integer NOT NULL DEFAULT 0,
    -- Share of the calls among equals; 0: no call goes out by it (a pure source).
    weight     integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 0 AND 1000),
    -- Calls at a time; 0: no limit.
    cap        integer NOT NULL DEFAULT 0 CHECK (cap >= 0),
    -- Calls from its address need no password.
    source     boolean NOT NULL DEFAULT false,
    -- Leading characters taken off the number ('+' is one), then what is put before it.
    strip      integer NOT NULL DEFAULT 0 CHECK (strip BETWEEN 0 AND 15),
    add_prefix text NOT NULL DEFAULT '' CHECK (add_prefix ~ '^[+0-9*#]{0,32}$')
);

-- What a Kamailio holds in memory and somebody changed. value null = gone. Read in the order of seq.
CREATE TABLE carna.edge_change (
    seq   bigserial PRIMARY KEY,
    kind  text NOT NULL CHECK (kind IN ('credential', 'alias', 'source', 'trunk')),
    key   text NOT NULL,
    value text,
    at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX edge_change_at ON carna.edge_change (at);

-- The lock makes the order of seq the order of commits: who has read up to a number misses nothing.
CREATE FUNCTION carna.note_change(p_kind text, p_key text, p_value text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_seq bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(1667330670);
    INSERT INTO carna.edge_change (kind, key, value) VALUES (p_kind, p_key, p_value) RETURNING seq INTO v_seq;
    -- A reader that was away for longer finds its place gone and loads everything.
    DELETE FROM carna.edge_change WHERE at < clock_timestamp() - interval '1 hour' AND seq < v_seq - 1000;
END
$$;

CREATE FUNCTION carna.subscriber_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_old text := CASE WHEN TG_OP <> 'INSERT' THEN OLD.username || '@' || lower(OLD.domain) END;
    v_new text := CASE WHEN TG_OP <> 'DELETE' THEN NEW.username || '@' || lower(NEW.domain) END;
BEGIN
    IF v_old IS NOT NULL AND v_old IS DISTINCT FROM v_new THEN
        PERFORM carna.note_change('credential', v_old, NULL);
    END IF;
    IF v_new IS NOT NULL THEN
        PERFORM carna.note_change('credential', v_new, NEW.ha1);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER carna_changed AFTER INSERT OR UPDATE OR DELETE ON public.subscriber
    FOR EACH ROW EXECUTE FUNCTION carna.subscriber_changed();

-- An alias is known by name@domain; a number in E.164 is one in the whole world and known by itself as well.
CREATE FUNCTION carna.alias_keys(p_username text, p_domain text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_username || '@' || lower(p_domain)
     UNION ALL
    SELECT p_username WHERE p_username ~ '^\+[1-9][0-9]{4,14}$'
$$;

CREATE FUNCTION carna.alias_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM carna.note_change('alias', k, NULL)
           FROM carna.alias_keys(OLD.alias_username, OLD.alias_domain) AS k;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM carna.note_change('alias', k, NEW.username || '@' || lower(NEW.domain))
           FROM carna.alias_keys(NEW.alias_username, NEW.alias_domain) AS k;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER carna_changed AFTER INSERT OR UPDATE OR DELETE ON public.dbaliases
    FOR EACH ROW EXECUTE FUNCTION carna.alias_changed();

-- The same, whole: as Kamailio's htable loads it.
CREATE VIEW carna.credential AS
    SELECT username || '@' || lower(domain) AS key_name, 0 AS key_type, 0 AS value_type,
           ha1::text AS key_value, 0 AS expires
      FROM public.subscriber;
-- The same two for who only asks whether a user exists: without what logs a phone in.
CREATE VIEW carna.known_user AS
    SELECT key_name, key_type, value_type, '1'::text AS key_value, expires FROM carna.credential;
CREATE VIEW carna.known_change AS
    SELECT seq, kind, key, CASE WHEN kind = 'credential' AND value IS NOT NULL THEN '1' ELSE value END AS value
      FROM carna.edge_change;
CREATE VIEW carna.alias AS
    SELECT DISTINCT ON (k.key_name) k.key_name, 0 AS key_type, 0 AS value_type,
           a.username || '@' || lower(a.domain) AS key_value, 0 AS expires
      FROM public.dbaliases a, carna.alias_keys(a.alias_username, a.alias_domain) AS k(key_name)
     ORDER BY k.key_name, a.id DESC;
CREATE VIEW carna.trunk_source AS
    SELECT DISTINCT ON (host) host AS key_name, 0 AS key_type, 0 AS value_type, name AS key_value, 0 AS expires
      FROM carna.trunk WHERE source ORDER BY host, name;

-- Which draws of a hundred, in the order of names, fall to a trunk: its share among those of one rank.
-- Whoever routes draws a number from 1 to 50 (drouting's group): a step is 2 in 100.
CREATE FUNCTION carna.trunk_order(p_prefix text, p_draw integer) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    v_order text[] := '{}';
    v_left  carna.trunk[];
    v_rank  record;
    v_one   carna.trunk;
    v_total integer;
    v_point numeric;
    v_turn  integer;
BEGIN
    -- Trunks of a shorter prefix come after those of the longest: a way out, when these are all gone.
    FOR v_rank IN
        SELECT length(ltrim(t.prefix, '+')) AS len, t.priority, array_agg(t ORDER BY t.name) AS trunks
          FROM carna.trunk t
         WHERE t.weight > 0 AND starts_with(p_prefix, ltrim(t.prefix, '+'))
         GROUP BY 1, 2 ORDER BY 1 DESC, 2 DESC
    LOOP
        v_left := v_rank.trunks;
        v_turn := 0;
        WHILE cardinality(v_left) > 0 AND cardinality(v_order) < 3 LOOP
            SELECT sum(t.weight) INTO v_total FROM unnest(v_left) AS t;
            -- The first by the draw itself; the others spread by another step, lest one follows another always.
            v_point := v_total * (mod(p_draw * (1 + 16 * v_turn) - 1, 50) + 0.5) / 50;
            FOREACH v_one IN ARRAY v_left LOOP
                v_point := v_point - v_one.weight;
                EXIT WHEN v_point < 0;
            END LOOP;
            v_order := v_order || v_one.name;
            v_left := ARRAY(SELECT t FROM unnest(v_left) AS t WHERE t.name <> v_one.name);
            v_turn := v_turn + 1;
        END LOOP;
        EXIT WHEN cardinality(v_order) >= 3;
    END LOOP;
    RETURN v_order;
END
$$;

-- Makes drouting's tables anew. One rule for each order in which trunks are tried, in the groups (draws)
-- that have it. The attributes tell the name and the cap.
CREATE FUNCTION carna.rebuild_trunk_routes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM public.dr_rules WHERE description LIKE 'carna:%';
    DELETE FROM public.dr_gateways WHERE description LIKE 'carna:%';
    INSERT INTO public.dr_gateways (address, strip, pri_prefix, attrs, description)
    SELECT format('%s:%s', host, port), strip, nullif(add_prefix, ''),
           format('name=%s;cap=%s;transport=%s', name, cap, transport), 'carna:' || name
      FROM carna.trunk WHERE weight > 0 ORDER BY name;
    INSERT INTO public.dr_rules (groupid, prefix, timerec, priority, routeid, gwlist, description)
    SELECT string_agg(o.draw::text, ',' ORDER BY o.draw), CASE WHEN o.digits = '' THEN '' ELSE '+' || o.digits END,
           '', 0, '0',
           (SELECT string_agg(g.gwid::text, ',' ORDER BY n.place)
              FROM unnest(o.names) WITH ORDINALITY AS n(name, place)
              JOIN public.dr_gateways g ON g.description = 'carna:' || n.name),
           'carna:' || o.digits
      FROM (SELECT p.digits, d.draw, carna.trunk_order(p.digits, d.draw) AS names
              FROM (SELECT DISTINCT ltrim(prefix, '+') AS digits FROM carna.trunk WHERE weight > 0) AS p,
                   generate_series(1, 50) AS d(draw)) AS o
     GROUP BY o.digits, o.names;
END
$$;

CREATE FUNCTION carna.trunk_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.source THEN
        -- Another trunk may stand at the same address.
        PERFORM carna.note_change('source', OLD.host,
            (SELECT min(t.name) FROM carna.trunk t WHERE t.source AND t.host = OLD.host));
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.source THEN
        PERFORM carna.note_change('source', NEW.host,
            (SELECT min(t.name) FROM carna.trunk t WHERE t.source AND t.host = NEW.host));
    END IF;
    PERFORM carna.rebuild_trunk_routes();
    PERFORM carna.note_change('trunk', CASE WHEN TG_OP = 'DELETE' THEN OLD.name ELSE NEW.name END, TG_OP);
    RETURN NULL;
END
$$;
CREATE TRIGGER carna_changed AFTER INSERT OR UPDATE OR DELETE ON carna.trunk
    FOR EACH ROW EXECUTE FUNCTION carna.trunk_changed();

-- Which media node holds a room, as the address in set 30.
CREATE TABLE carna.conference_home (
    room    text PRIMARY KEY CHECK (room ~ '^[a-z0-9-]{1,32}$'),
    node    text NOT NULL,
    used_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A right to enter a room on its node, once and soon. Only the hash is kept: who reads the table enters nothing.
CREATE TABLE carna.conference_token (
    hash       bytea PRIMARY KEY,
    room       text NOT NULL,
    node       text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

-- The node of a room and a token for it. A room whose node is out of use (or is in p_not, which the asker
-- knows to be silent) gets a new home: the active media node with the fewest rooms. No node: no row.
CREATE FUNCTION carna.enter_conference(p_room text, p_not text DEFAULT '', OUT token text, OUT node text)
RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1667330671, hashtext(p_room));
    SELECT h.node INTO node
      FROM carna.conference_home h
      JOIN public.dispatcher d ON d.setid = 30 AND d.flags & 5 = 0 AND d.destination = h.node
     WHERE h.room = p_room AND h.node <> p_not;
    IF node IS NULL THEN
        SELECT d.destination INTO node
          FROM public.dispatcher d
          LEFT JOIN (SELECT h.node, count(*) AS rooms FROM carna.conference_home h GROUP BY h.node) AS c
            ON c.node = d.destination
         WHERE d.setid = 30 AND d.flags & 5 = 0 AND d.destination <> p_not
         ORDER BY coalesce(c.rooms, 0), d.destination LIMIT 1;
        IF node IS NULL THEN
            RETURN;
        END IF;
    END IF;
    INSERT INTO carna.conference_home AS h (room, node) VALUES (p_room, enter_conference.node)
        ON CONFLICT (room) DO UPDATE SET node = excluded.node, used_at = clock_timestamp();
    DELETE FROM carna.conference_home h WHERE h.used_at < clock_timestamp() - interval '7 days';
    DELETE FROM carna.conference_token t WHERE t.expires_at < clock_timestamp() - interval '10 minutes';
    token := 'ct_' || replace(gen_random_uuid()::text, '-', '');
    INSERT INTO carna.conference_token (hash, room, node, expires_at)
    VALUES (sha256(convert_to(token, 'UTF8')), p_room, enter_conference.node,
            clock_timestamp() + interval '10 seconds');
    RETURN NEXT;
END
$$;

-- Uses a token up: its room when it was made for this node, is fresh and was never used; else no row.
CREATE FUNCTION carna.use_conference_token(p_token text, p_node text) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE carna.conference_token SET used_at = clock_timestamp()
     WHERE hash = sha256(convert_to(p_token, 'UTF8')) AND node = p_node
       AND used_at IS NULL AND expires_at > clock_timestamp()
    RETURNING room
$$;

-- The call log in Kamailio's own tables, with what they lack to find a call by its people.
ALTER TABLE public.acc
    ADD COLUMN caller varchar(255) NOT NULL DEFAULT '',
    ADD COLUMN callee varchar(255) NOT NULL DEFAULT '',
    ADD COLUMN leg_of varchar(255) NOT NULL DEFAULT '';
ALTER TABLE public.acc_cdrs
    ADD COLUMN callid varchar(255),
    ADD COLUMN leg_of varchar(255) NOT NULL DEFAULT '',
    ADD COLUMN caller varchar(255) NOT NULL DEFAULT '',
    ADD COLUMN callee varchar(255) NOT NULL DEFAULT '',
    ADD CONSTRAINT carna_cdr_once UNIQUE (callid);
CREATE UNIQUE INDEX carna_acc_once ON public.acc (callid, method, sip_code, sip_reason);

-- What the sender's bytes mean; whatever they are they must not keep an event out of the log.
CREATE FUNCTION carna.text_of_hex(p_hex text, p_max integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
DECLARE
    v_bytes bytea := decode(p_hex, 'hex');
BEGIN
    RETURN left(convert_from(v_bytes, 'UTF8'), p_max);
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN left(encode(v_bytes, 'escape'), p_max);
END
$$;

-- One event of a call: {event: start | answer | fail | end, code, at (seconds since 1970), duration (seconds, of
-- end)} and, as hexadecimal digits of their bytes, {call, legOf, from, to, caller, callee}. Writing an event
-- twice changes nothing, and no order of them is needed but that a call starts before it ends.
CREATE FUNCTION carna.log_call(p json) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_event text := p ->> 'event';
    v_call  text := carna.text_of_hex(p ->> 'call', 255);
    v_at    timestamp := to_timestamp((p ->> 'at')::double precision) AT TIME ZONE 'UTC';
    v_long  double precision := greatest(coalesce((p ->> 'duration')::double precision, 0), 0);
    v_start public.acc;
BEGIN
    IF v_event = 'end' THEN
        -- The answer's row knows both tags, the start's one.
        SELECT a.* INTO v_start FROM public.acc a
         WHERE a.callid = v_call AND a.method = 'INVITE' ORDER BY a.sip_code = '200' DESC, a.id DESC LIMIT 1;
        INSERT INTO public.acc_cdrs (start_time, end_time, duration, callid, leg_of, caller, callee)
        VALUES (v_at - make_interval(secs => v_long), v_at, v_long, v_call, coalesce(v_start.leg_of, ''),
                coalesce(v_start.caller, ''), coalesce(v_start.callee, ''))
            ON CONFLICT ON CONSTRAINT carna_cdr_once DO NOTHING;
    END IF;
    INSERT INTO public.acc (method, from_tag, to_tag, callid, sip_code, sip_reason, time, caller, callee, leg_of)
    VALUES (CASE v_event WHEN 'end' THEN 'BYE' ELSE 'INVITE' END,
            coalesce(carna.text_of_hex(p ->> 'from', 128), v_start.from_tag, ''),
            coalesce(carna.text_of_hex(p ->> 'to', 128), v_start.to_tag, ''),
            v_call, left(coalesce(p ->> 'code', ''), 3), v_event, v_at,
            coalesce(carna.text_of_hex(p ->> 'caller', 255), v_start.caller, ''),
            coalesce(carna.text_of_hex(p ->> 'callee', 255), v_start.callee, ''),
            coalesce(carna.text_of_hex(p ->> 'legOf', 255), v_start.leg_of, ''))
        ON CONFLICT DO NOTHING;
    RETURN 1;
END
$$;

-- Functions are everybody's unless that is taken back; who needs one is granted it.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA carna FROM PUBLIC;
