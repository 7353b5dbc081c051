-- Schema of our own beside Kamailio's tables. Times are wall clock.
CREATE SCHEMA IF NOT EXISTS carna;

-- Who leads a data centre. The epoch is the fencing token: it only grows.
CREATE TABLE carna.leadership (
    dc       text PRIMARY KEY,
    epoch    bigint NOT NULL,
    holder   text NOT NULL,
    czxid    numeric(20) NOT NULL,
    taken_at timestamptz NOT NULL
);

-- The versions of the dispatcher table. `rows` holds the rows that a version changed, before and
-- after, as they stood: the last versions can be walked back without storing the table each time.
CREATE TABLE carna.generation (
    generation   bigint PRIMARY KEY,
    epoch        bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    rows         jsonb NOT NULL,
    set_hashes   jsonb NOT NULL
);

-- One entry per change of a node, append-only.
CREATE TABLE carna.change (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_id     text NOT NULL,
    generation   bigint NOT NULL,
    node_id      text NOT NULL,
    from_state   text NOT NULL,
    to_state     text NOT NULL,
    cause        text NOT NULL,
    actor        text NOT NULL,
    rows         jsonb NOT NULL,
    setids       integer[] NOT NULL,
    occurred_at  timestamptz,
    noticed_at   timestamptz,
    published_at timestamptz,
    seen_at      timestamptz NOT NULL,
    committed_at timestamptz NOT NULL,
    CONSTRAINT change_once UNIQUE (trace_id, generation)
);
CREATE INDEX change_by_node ON carna.change (node_id, id);
CREATE INDEX change_by_generation ON carna.change (generation);

-- When each Kamailio was proven to run a change.
CREATE TABLE carna.change_live (
    trace_id   text NOT NULL,
    generation bigint NOT NULL,
    kamailio   text NOT NULL,
    live_at    timestamptz NOT NULL,
    PRIMARY KEY (trace_id, generation, kamailio)
);
CREATE INDEX change_live_by_kamailio ON carna.change_live (kamailio, generation);

-- Kamailio's schema has no key here; two rows of one destination would be loaded twice.
CREATE UNIQUE INDEX carna_dispatcher_key ON public.dispatcher (setid, destination);

-- The next epoch of a data centre.
CREATE FUNCTION carna.take_epoch(p_dc text, p_holder text, p_czxid numeric) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO carna.leadership AS l (dc, epoch, holder, czxid, taken_at)
    VALUES (p_dc, 1, p_holder, p_czxid, clock_timestamp())
    ON CONFLICT (dc) DO UPDATE
        SET epoch = l.epoch + 1, holder = p_holder, czxid = p_czxid, taken_at = clock_timestamp()
    RETURNING epoch
$$;

-- Applies the row changes of a plan; gives what stood and stands. Refuses to touch rows of others.
CREATE FUNCTION carna.apply_rows(p_changes jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb;
    v_count  integer;
    v_wanted integer;
BEGIN
    SELECT coalesce(jsonb_agg(to_jsonb(d) - 'id'), '[]') INTO v_before
      FROM jsonb_to_recordset(p_changes) AS c(setid integer, destination text)
      JOIN public.dispatcher d ON d.setid = c.setid AND d.destination = c.destination;

    INSERT INTO public.dispatcher (setid, destination, flags, priority, attrs, description)
    SELECT c.setid, c.destination, c.flags, c.priority, c.attrs, c.description
      FROM jsonb_to_recordset(p_changes)
        AS c(kind text, setid integer, destination text, flags integer, priority integer, attrs text, description text)
     WHERE c.kind = 'insert'
     ORDER BY c.setid, c.destination
        ON CONFLICT (setid, destination) DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;

    UPDATE public.dispatcher d
       SET flags = c.flags, priority = c.priority, attrs = c.attrs, description = c.description
      FROM jsonb_to_recordset(p_changes)
        AS c(kind text, setid integer, destination text, flags integer, priority integer, attrs text, description text)
     WHERE c.kind = 'update' AND d.setid = c.setid AND d.destination = c.destination
       AND d.description LIKE 'carna:%';
    GET DIAGNOSTICS v_wanted = ROW_COUNT;
    v_count := v_count + v_wanted;

    DELETE FROM public.dispatcher d
     USING jsonb_to_recordset(p_changes) AS c(kind text, setid integer, destination text)
     WHERE c.kind = 'delete' AND d.setid = c.setid AND d.destination = c.destination
       AND d.description LIKE 'carna:%';
    GET DIAGNOSTICS v_wanted = ROW_COUNT;
    v_count := v_count + v_wanted;

    IF v_count <> jsonb_array_length(p_changes) THEN
        RAISE EXCEPTION 'the dispatcher table changed meanwhile: % of % changes fit', v_count, jsonb_array_length(p_changes)
            USING ERRCODE = 'CA002';
    END IF;
    RETURN jsonb_build_object('before', v_before, 'changes', p_changes);
END
$$;

-- One plan, one transaction, one round trip. p_plan:
--   base       the generation that the plan was made from
--   changes    [{kind, setid, destination, flags, priority, attrs, description}]
--   mayEmpty   sets that may end without a row
--   setHashes  {setid: hash} of the whole table afterwards
--   audit      [{traceId, nodeId, from, to, cause, actor, rows, setids, occurredAtMs, noticedAtMs, publishedAtMs}]
--   seenAtMs   when the reconciler saw the change
-- Raises CA001 when the epoch is over, CA002 when the table is not what the plan was made from,
-- CA003 when a set would end empty although the plan does not say so.
CREATE FUNCTION carna.commit_plan(
    p_dc text, p_epoch bigint, p_plan jsonb, OUT generation bigint, OUT committed_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    v_epoch   bigint;
    v_rows    jsonb;
    v_emptied integer;
    v_has_rows boolean := jsonb_array_length(p_plan -> 'changes') > 0;
BEGIN
    -- Taking an epoch updates this row: it waits for us, or we wait and see the newer one.
    SELECT l.epoch INTO v_epoch FROM carna.leadership l WHERE l.dc = p_dc FOR UPDATE;
    IF v_epoch IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION 'epoch % is over', p_epoch
            USING ERRCODE = 'CA001', DETAIL = format('%s %s', p_epoch, coalesce(v_epoch, 0));
    END IF;
    SELECT coalesce(max(g.generation), 0) INTO generation FROM carna.generation g;
    IF generation <> (p_plan ->> 'base')::bigint THEN
        RAISE EXCEPTION 'the plan was made from generation %, the table is at %', p_plan ->> 'base', generation
            USING ERRCODE = 'CA002';
    END IF;

    IF v_has_rows THEN
        v_rows := carna.apply_rows(p_plan -> 'changes');
        SELECT min(c.setid) INTO v_emptied
          FROM jsonb_to_recordset(p_plan -> 'changes') AS c(kind text, setid integer)
         WHERE c.kind = 'delete'
           AND NOT (p_plan -> 'mayEmpty') @> to_jsonb(c.setid)
           AND NOT EXISTS (SELECT 1 FROM public.dispatcher d WHERE d.setid = c.setid);
        IF v_emptied IS NOT NULL THEN
            RAISE EXCEPTION 'set % would end empty and the plan does not say so', v_emptied
                USING ERRCODE = 'CA003';
        END IF;
        generation := generation + 1;
    END IF;

    committed_at := clock_timestamp();
    IF v_has_rows THEN
        INSERT INTO carna.generation (generation, epoch, committed_at, rows, set_hashes)
        VALUES (commit_plan.generation, p_epoch, commit_plan.committed_at, v_rows, p_plan -> 'setHashes');
        DELETE FROM carna.generation g WHERE g.generation <= commit_plan.generation - 1000;
    END IF;

    INSERT INTO carna.change (
        trace_id, generation, node_id, from_state, to_state, cause, actor, rows, setids,
        occurred_at, noticed_at, published_at, seen_at, committed_at)
    SELECT a."traceId", commit_plan.generation, a."nodeId", a."from", a."to", a.cause, a.actor, a.rows, a.setids,
           to_timestamp(a."occurredAtMs" / 1000), to_timestamp(a."noticedAtMs" / 1000),
           to_timestamp(a."publishedAtMs" / 1000),
           to_timestamp((p_plan ->> 'seenAtMs')::double precision / 1000), commit_plan.committed_at
      FROM jsonb_to_recordset(p_plan -> 'audit') AS a(
        "traceId" text, "nodeId" text, "from" text, "to" text, cause text, actor text, rows jsonb, setids integer[],
        "occurredAtMs" double precision, "noticedAtMs" double precision, "publishedAtMs" double precision)
     WHERE a.rows <> '[]'
        OR NOT EXISTS (SELECT 1 FROM carna.change c WHERE c.trace_id = a."traceId")
        ON CONFLICT ON CONSTRAINT change_once DO NOTHING;
END
$$;

REVOKE ALL ON SCHEMA carna FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA carna FROM PUBLIC;
