-- The last of an operator's words against the guards that a commit used, of each set. It stands here from that
-- commit on, whether or not its znode could be removed, so that nobody who leads next uses it again.
CREATE TABLE carna.used_override (
    dc         text NOT NULL,
    setid      integer NOT NULL,
    -- When it was said, in ms by the operator's clock: no other word of the set has the same.
    since_ms   double precision NOT NULL,
    -- What it let through.
    generation bigint NOT NULL,
    PRIMARY KEY (dc, setid)
);

-- As before, and notes the words that the plan used.
CREATE OR REPLACE FUNCTION carna.commit_or_refuse(
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
    INSERT INTO carna.used_override AS u (dc, setid, since_ms, generation)
    SELECT p_dc, w.setid, w.since, commit_or_refuse.generation
      FROM jsonb_to_recordset(p_plan -> 'overrides') AS w(setid integer, since double precision)
        ON CONFLICT ON CONSTRAINT used_override_pkey
        DO UPDATE SET since_ms = EXCLUDED.since_ms, generation = EXCLUDED.generation;
END
$$;
