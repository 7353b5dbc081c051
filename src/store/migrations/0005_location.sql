-- Where phones are, as registrars keep it: every registrar has all contacts in memory; the one that took a
-- registration writes it here before it says 200. The rows serve the start of a platform that lost every memory.

-- Kamailio reads `expires` in the time zone of its process, which would shift every registration where that is
-- not UTC. It reads this instead: seconds since 1970.
ALTER TABLE public.location ADD COLUMN expires_s bigint GENERATED ALWAYS AS (extract(epoch FROM expires)) STORED;

-- Kamailio's scripts spell "no value" so.
CREATE FUNCTION carna.contact_text(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(nullif(p_text, '<null>'), '') $$;

-- Makes the row of one contact as a registrar has it. p_late: written some time after the registration, because
-- the database was away; then a row that somebody wrote for a later registration stays as it is (false).
CREATE FUNCTION carna.keep_contact(
    p_late boolean, p_aor text, p_ruid text, p_contact text, p_received text, p_path text, p_expires bigint,
    p_q integer, p_callid text, p_cseq bigint, p_modified bigint, p_flags bigint, p_cflags bigint,
    p_user_agent text, p_methods bigint, p_instance text, p_reg_id integer, p_server_id integer
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_user     text := substring(p_aor FROM '^(.*)@');
    v_domain   text := substring(p_aor FROM '@([^@]*)$');
    v_modified timestamp := to_timestamp(p_modified) AT TIME ZONE 'UTC';
BEGIN
    -- Two registrars that heard of a new contact at the same moment gave it two names.
    DELETE FROM public.location l
     WHERE l.username = v_user AND l.domain = v_domain AND l.contact = p_contact AND l.reg_id = p_reg_id
       AND l.instance IS NOT DISTINCT FROM carna.contact_text(p_instance) AND l.ruid <> p_ruid
       AND (NOT p_late OR l.last_modified <= v_modified);
    INSERT INTO public.location AS l (
        ruid, username, domain, contact, received, path, expires, q, callid, cseq, last_modified, flags, cflags,
        user_agent, methods, instance, reg_id, server_id, connection_id, keepalive, partition)
    VALUES (
        p_ruid, v_user, v_domain, p_contact, carna.contact_text(p_received), carna.contact_text(p_path),
        to_timestamp(p_expires) AT TIME ZONE 'UTC', CASE WHEN p_q < 0 THEN -1 ELSE p_q / 1000.0 END,
        left(p_callid, 255), p_cseq & 2147483647, v_modified, p_flags & 2147483647, p_cflags & 2147483647,
        left(coalesce(carna.contact_text(p_user_agent), 'n/a'), 255),
        CASE WHEN p_methods <= 2147483647 THEN p_methods END, -- null: all
        carna.contact_text(p_instance), p_reg_id, p_server_id, -1, 0, 0)
    ON CONFLICT (ruid) DO UPDATE SET
        username = EXCLUDED.username, domain = EXCLUDED.domain, contact = EXCLUDED.contact,
        received = EXCLUDED.received, path = EXCLUDED.path, expires = EXCLUDED.expires, q = EXCLUDED.q,
        callid = EXCLUDED.callid, cseq = EXCLUDED.cseq, last_modified = EXCLUDED.last_modified,
        flags = EXCLUDED.flags, cflags = EXCLUDED.cflags, user_agent = EXCLUDED.user_agent,
        methods = EXCLUDED.methods, instance = EXCLUDED.instance, reg_id = EXCLUDED.reg_id,
        server_id = EXCLUDED.server_id
    WHERE NOT p_late OR l.last_modified <= EXCLUDED.last_modified;
    RETURN FOUND;
END
$$;

-- Takes away a contact that was taken back at p_modified, under whatever name another registrar keeps it.
CREATE FUNCTION carna.forget_contact(
    p_late boolean, p_aor text, p_ruid text, p_contact text, p_instance text, p_reg_id integer, p_modified bigint
) RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DELETE FROM public.location l
     WHERE (l.ruid = p_ruid
            OR (l.username = substring(p_aor FROM '^(.*)@') AND l.domain = substring(p_aor FROM '@([^@]*)$')
                AND l.contact = p_contact AND l.reg_id = p_reg_id
                AND l.instance IS NOT DISTINCT FROM carna.contact_text(p_instance)))
       AND (NOT p_late OR l.last_modified <= to_timestamp(p_modified) AT TIME ZONE 'UTC');
    SELECT true;
$$;

-- Contacts that expired. Any registrar, any number of times. 1970 is how Kamailio spells "never expires".
CREATE FUNCTION carna.forget_expired() RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    DELETE FROM public.location l
     WHERE l.expires < clock_timestamp() AT TIME ZONE 'UTC' - interval '1 minute' AND l.expires_s <> 0;
    SELECT true;
$$;

REVOKE ALL ON FUNCTION carna.keep_contact, carna.forget_contact, carna.forget_expired FROM PUBLIC;
