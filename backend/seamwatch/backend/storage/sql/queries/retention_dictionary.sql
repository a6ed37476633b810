-- Deletes one bounded chunk of a dictionary's entries that no kept row uses any more.
-- in:     {relation} resource or scope; before date (exclusive, of the last use), row_limit integer
-- out:    none; the row count says how many
-- index:  none: dictionaries are small, and read whole once an hour
-- budget: 200 ms for 100,000 entries
DELETE FROM {relation}
 WHERE ctid = ANY (ARRAY(
    SELECT d.ctid
      FROM {relation} d
     WHERE d.last_used_on < %(before)s
     LIMIT %(row_limit)s))
   AND last_used_on < %(before)s;  -- asked again of a row whose last use a writer moved meanwhile
