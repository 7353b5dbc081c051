-- Plans that came from a leader whose epoch was over. Nothing of such a plan was written; that it was
-- tried is kept here, append-only, at most the newest 1,000 of a data centre.
CREATE TABLE carna.refused_write (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dc            text NOT NULL,
    epoch         bigint NOT NULL,
    holder        text,
    ruling_epoch  bigint NOT NULL,
    ruling_holder text,
    -- How many rows the plan would have changed, and the first of them as {kind, setid, destination, flags}.
    row_count     integer NOT NULL,
    rows          jsonb NOT NULL,
    refused_at    timestamptz NOT NULL
);
CREATE INDEX refused_write_by_dc ON carna.refused_write (dc, id);

-- Notes one refusal. Runs with the rights of the schema's owner: the writer itself can neither add, change
-- nor delete an entry. It looks at the epoch again, so that nobody can have a refusal noted that was none.
CREATE FUNCTION carna.note_refusal(p_dc text, p_epoch bigint, p_plan jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ruling carna.leadership%ROWTYPE;
BEGIN
    SELECT * INTO v_ruling FROM carna.leadership l WHERE l.dc = p_dc FOR UPDATE;
    IF NOT FOUND OR v_ruling.epoch = p_epoch THEN
        RETURN;
    END IF;
    INSERT INTO carna.refused_write (dc, epoch, holder, ruling_epoch, ruling_holder, row_count, rows, refused_at)
    SELECT p_dc, p_epoch, left(p_plan ->> 'holder', 64), v_ruling.epoch, v_ruling.holder,
           jsonb_array_length(p_plan -> 'changes'),
           (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', c.change -> 'kind', 'setid', c.change -> 'setid',
                     'destination', c.change -> 'destination', 'flags', c.change -> 'flags') ORDER BY c.place), '[]')
              FROM jsonb_array_elements(p_plan -> 'changes') WITH ORDINALITY AS c(change, place)
             WHERE c.place <= 50),
           clock_timestamp();
    DELETE FROM carna.refused_write w
     WHERE w.dc = p_dc
       AND w.id <= (SELECT n.id FROM carna.refused_write n WHERE n.dc = p_dc ORDER BY n.id DESC OFFSET 1000 LIMIT 1);
END
$$;

-- carna.commit_plan for a leader that wants a trace of its refusal: when the epoch is over it writes nothing
-- of the plan, notes that, and gives the epoch that rules (0 when none was ever taken) instead of raising.
CREATE FUNCTION carna.commit_or_refuse(
    p_dc text, p_epoch bigint, p_plan jsonb,
    OUT generation bigint, OUT committed_at timestamptz, OUT ruling_epoch bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_epoch bigint;
BEGIN
    SELECT l.epoch INTO v_epoch FROM carna.leadership l WHERE l.dc = p_dc FOR UPDATE;
    IF v_epoch IS DISTINCT FROM p_epoch THEN
        PERFORM carna.note_refusal(p_dc, p_epoch, p_plan);
        ruling_epoch := coalesce(v_epoch, 0);
        RETURN;
    END IF;
    SELECT done.generation, done.committed_at INTO generation, committed_at
      FROM carna.commit_plan(p_dc, p_epoch, p_plan) AS done;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA carna FROM PUBLIC;
