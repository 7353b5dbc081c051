-- A PostgreSQL that went back in time (a standby promoted without the last commits, a restored backup) must not
-- give numbers away again that were told already: agents and leaders would take the new for the old. Both
-- numbers begin beyond a floor, the highest that the caller heard of. A floor that is too low changes nothing.

-- The next epoch of a data centre, beyond p_floor.
DROP FUNCTION carna.take_epoch(text, text, numeric);
CREATE FUNCTION carna.take_epoch(p_dc text, p_holder text, p_czxid numeric, p_floor bigint DEFAULT 0) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO carna.leadership AS l (dc, epoch, holder, czxid, taken_at)
    VALUES (p_dc, p_floor + 1, p_holder, p_czxid, clock_timestamp())
    ON CONFLICT (dc) DO UPDATE
        SET epoch = greatest(l.epoch, p_floor) + 1, holder = p_holder, czxid = p_czxid, taken_at = clock_timestamp()
    RETURNING epoch
$$;
REVOKE ALL ON FUNCTION carna.take_epoch(text, text, numeric, bigint) FROM PUBLIC;

-- As before, and a plan may hold a floor: a table behind it gets a version beyond it, even if no row changes.
CREATE OR REPLACE FUNCTION carna.commit_plan(
    p_dc text, p_epoch bigint, p_plan jsonb, OUT generation bigint, OUT committed_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    v_epoch   bigint;
    v_rows    jsonb;
    v_emptied integer;
    v_floor   bigint := coalesce((p_plan ->> 'floor')::bigint, 0);
    v_has_rows boolean := jsonb_array_length(p_plan -> 'changes') > 0;
    v_is_new  boolean;
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

    v_is_new := v_has_rows OR generation < v_floor;
    IF v_is_new THEN
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
        generation := greatest(generation, v_floor) + 1;
    END IF;

    committed_at := clock_timestamp();
    IF v_is_new THEN
        INSERT INTO carna.generation (generation, epoch, committed_at, rows, set_hashes, losses)
        VALUES (commit_plan.generation, p_epoch, commit_plan.committed_at, v_rows, p_plan -> 'setHashes',
                coalesce(p_plan -> 'losses', '{}'));
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
