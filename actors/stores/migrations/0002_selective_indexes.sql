-- Indexes whose first column says something. Beside a primary key (realm, id), an index that starts
-- with the realm looks as good to a planner that has no statistics yet, and with it each fact about
-- an order read all orders of the realm: the cost of a record grew with the day.

DROP INDEX journal_by_time;
CREATE INDEX journal_by_time ON journal (at_ns, realm);
DROP INDEX journal_by_group;
CREATE INDEX journal_by_group ON journal (group_id, realm, seq) WHERE group_id <> '';

DROP INDEX decisions_by_signal;
CREATE INDEX decisions_by_signal ON decisions (signal_id, realm);
ALTER TABLE decisions DROP CONSTRAINT decisions_plan_once;
ALTER TABLE decisions ADD CONSTRAINT decisions_plan_once UNIQUE (client_plan_id, realm);

DROP INDEX groups_open;
CREATE INDEX groups_open ON groups (group_id, realm) WHERE closed_at_ns IS NULL;

DROP INDEX orders_by_group;
CREATE INDEX orders_by_group ON orders (group_id, realm);
DROP INDEX orders_by_time;
CREATE INDEX orders_by_time ON orders (planned_at_ns, realm);

DROP INDEX trades_by_order;
CREATE INDEX trades_by_order ON trades (client_order_id, realm);
DROP INDEX trades_by_time;
CREATE INDEX trades_by_time ON trades (at_ns, realm, book);
