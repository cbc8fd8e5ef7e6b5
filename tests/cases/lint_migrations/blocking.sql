-- By the rules of the plan: the worse of the two families; a marked statement is done online.
-- file: 001_base.sql
CREATE TABLE a (id INT PRIMARY KEY, n INT, s VARCHAR(20));
-- file: 002_change.sql
ALTER TABLE a MODIFY n BIGINT;
ALTER TABLE a ADD COLUMN m INT;
ALTER TABLE a ADD INDEX by_n (n);
ALTER TABLE a ADD FULLTEXT KEY words (s);
ALTER TABLE unheard_of MODIFY n BIGINT;
-- dbtool:online
ALTER TABLE a MODIFY n INT UNSIGNED;
-- expect: 002_change.sql:1 blocking-change a
-- expect: 002_change.sql:4 blocking-change a
-- expect: 002_change.sql:5 blocking-change unheard_of
-- expect: 002_change.sql:7 narrow-type a.n
