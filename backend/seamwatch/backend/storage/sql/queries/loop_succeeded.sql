-- Notes that an analysis loop did its work.
-- in:     name text, duration_ms double precision
-- out:    none
-- index:  analysis_loop_pkey
-- budget: 2 ms
INSERT INTO seamwatch.analysis_loop (name, last_success_at, last_duration_ms)
VALUES (%(name)s, now(), %(duration_ms)s)
ON CONFLICT (name) DO UPDATE
   SET last_success_at = excluded.last_success_at,
       last_duration_ms = excluded.last_duration_ms;
