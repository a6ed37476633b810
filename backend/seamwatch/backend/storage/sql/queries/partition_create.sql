-- Daily partitions of one parent for the days given, made and attached where they are missing.
-- in:     parent text (name without schema), days date[]
-- out:    day date, made boolean
-- index:  none
-- budget: 20 ms a partition
SELECT d.day,
       seamwatch.create_daily_partition(format('seamwatch.%%I', %(parent)s::text)::regclass, d.day) AS made
  FROM unnest(%(days)s::date[]) AS d (day)
 ORDER BY d.day;
