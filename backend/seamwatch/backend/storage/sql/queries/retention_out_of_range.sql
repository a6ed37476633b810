-- Deletes one bounded chunk of records outside every partition, by when they came.
-- in:     {relation} a twin …_out_of_range; before timestamptz (exclusive), row_limit integer
-- out:    none; the row count says how many
-- index:  span_out_of_range_received_idx; the other twins are read whole (they are capped)
-- budget: 200 ms for 10,000 rows
DELETE FROM {relation}
 WHERE ctid = ANY (ARRAY(
    SELECT o.ctid
      FROM {relation} o
     WHERE o.received_at < %(before)s
     ORDER BY o.received_at
     LIMIT %(row_limit)s));
