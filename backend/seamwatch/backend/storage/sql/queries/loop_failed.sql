-- Notes why an analysis loop failed; its last success stays.
-- in:     name text, error text
-- out:    none
-- index:  analysis_loop_pkey
-- budget: 2 ms
INSERT INTO seamwatch.analysis_loop (name, last_error, last_error_at)
VALUES (%(name)s, %(error)s, now())
ON CONFLICT (name) DO UPDATE
   SET last_error = excluded.last_error,
       last_error_at = excluded.last_error_at;
