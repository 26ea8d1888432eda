-- The first schema. Money is bigint paise, time is bigint UTC ns; the timestamptz columns are for
-- people. `realm` ('paper', 'live', 'backtest-...') heads every key, so that realms never mix.
-- The journal is the truth; the other tables are its projections, written in its transaction.

CREATE TABLE leases (
    engine_id text PRIMARY KEY,
    epoch bigint NOT NULL CHECK (epoch > 0),
    holder text NOT NULL,
    beat bigint NOT NULL DEFAULT 0,
    host text NOT NULL DEFAULT '',
    pid integer NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE journal (
    realm text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    at_ns bigint NOT NULL,
    kind text NOT NULL,
    group_id text NOT NULL DEFAULT '',
    body bytea NOT NULL,
    chain bytea NOT NULL CHECK (length(chain) = 32),
    epoch bigint NOT NULL,
    at timestamptz GENERATED ALWAYS AS (to_timestamp(at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, seq)
);
CREATE INDEX journal_by_time ON journal (realm, at_ns);
CREATE INDEX journal_by_group ON journal (realm, group_id, seq) WHERE group_id <> '';

CREATE TABLE instruments (
    realm text NOT NULL,
    instrument text NOT NULL,
    segment text NOT NULL,
    lot bigint NOT NULL,
    tick_paise bigint NOT NULL,
    freeze_quantity bigint NOT NULL,
    band_bps bigint NOT NULL,
    product text NOT NULL,
    multiplier bigint NOT NULL,
    PRIMARY KEY (realm, instrument)
);

CREATE TABLE signals (
    realm text NOT NULL,
    signal_id text NOT NULL,
    strategy text NOT NULL,
    instrument text NOT NULL,
    side text NOT NULL CHECK (side IN ('BUY', 'SELL')),
    price_limit_paise bigint NOT NULL,
    price_stop_paise bigint NOT NULL,
    targets jsonb NOT NULL,
    trail_paise bigint NOT NULL,
    score_bps bigint NOT NULL,
    features jsonb NOT NULL,
    at_ns bigint NOT NULL,
    at timestamptz GENERATED ALWAYS AS (to_timestamp(at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, signal_id)
);

CREATE TABLE decisions (
    realm text NOT NULL,
    decision_id text NOT NULL,
    client_plan_id text NOT NULL,
    signal_id text NOT NULL,
    is_approved boolean NOT NULL,
    quantity bigint NOT NULL,
    rule text,
    measured bigint,
    limit_value bigint,
    why text,
    config_sha text NOT NULL,
    at_ns bigint NOT NULL,
    at timestamptz GENERATED ALWAYS AS (to_timestamp(at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, decision_id),
    CONSTRAINT decisions_plan_once UNIQUE (realm, client_plan_id),
    FOREIGN KEY (realm, signal_id) REFERENCES signals,
    CHECK (is_approved = (rule IS NULL))
);
CREATE INDEX decisions_by_signal ON decisions (realm, signal_id);

CREATE TABLE groups (
    realm text NOT NULL,
    group_id text NOT NULL,
    decision_id text NOT NULL,
    book text NOT NULL CHECK (book IN ('paper', 'live')),
    strategy text NOT NULL,
    instrument text NOT NULL,
    side text NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity bigint NOT NULL,
    opened_at_ns bigint NOT NULL,
    closed_at_ns bigint,
    close_reason text,
    quantity_entered bigint,
    pnl_gross_paise bigint,
    charges_paise bigint,
    opened_at timestamptz GENERATED ALWAYS AS (to_timestamp(opened_at_ns::float8 / 1e9)) STORED,
    closed_at timestamptz GENERATED ALWAYS AS (to_timestamp(closed_at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, group_id),
    FOREIGN KEY (realm, decision_id) REFERENCES decisions
);
CREATE INDEX groups_open ON groups (realm, group_id) WHERE closed_at_ns IS NULL;

CREATE TABLE orders (
    realm text NOT NULL,
    client_order_id text NOT NULL,
    group_id text NOT NULL,
    decision_id text NOT NULL,
    book text NOT NULL CHECK (book IN ('paper', 'live')),
    leg text NOT NULL,
    instrument text NOT NULL,
    side text NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity bigint NOT NULL CHECK (quantity > 0),
    order_type text NOT NULL,
    product text NOT NULL,
    price_limit_paise bigint NOT NULL,
    price_trigger_paise bigint NOT NULL,
    status text NOT NULL DEFAULT 'planned' CHECK (status IN ('planned', 'working', 'triggered',
        'partly_filled', 'filled', 'cancelled', 'rejected', 'denied', 'unknown', 'lost')),
    filled_quantity bigint NOT NULL DEFAULT 0,
    venue_order_id text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    planned_at_ns bigint NOT NULL,
    updated_at_ns bigint NOT NULL,
    ended_at_ns bigint,
    planned_at timestamptz GENERATED ALWAYS AS (to_timestamp(planned_at_ns::float8 / 1e9)) STORED,
    updated_at timestamptz GENERATED ALWAYS AS (to_timestamp(updated_at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, client_order_id),
    FOREIGN KEY (realm, group_id) REFERENCES groups,
    FOREIGN KEY (realm, decision_id) REFERENCES decisions
);
CREATE INDEX orders_by_group ON orders (realm, group_id);
CREATE INDEX orders_by_time ON orders (realm, planned_at_ns);

CREATE TABLE trades (
    realm text NOT NULL,
    venue_order_id text NOT NULL,
    trade_id text NOT NULL,
    client_order_id text NOT NULL,
    book text NOT NULL CHECK (book IN ('paper', 'live')),
    instrument text NOT NULL,
    side text NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity bigint NOT NULL CHECK (quantity > 0),
    price_paise bigint NOT NULL,
    charges_paise bigint NOT NULL,
    at_ns bigint NOT NULL,
    at timestamptz GENERATED ALWAYS AS (to_timestamp(at_ns::float8 / 1e9)) STORED,
    CONSTRAINT trades_once PRIMARY KEY (realm, venue_order_id, trade_id),
    FOREIGN KEY (realm, client_order_id) REFERENCES orders
);
CREATE INDEX trades_by_order ON trades (realm, client_order_id);
CREATE INDEX trades_by_time ON trades (realm, book, at_ns);

-- Average cost. `quantity` and `cost_paise` are signed; `cost_paise` is 0 when flat, exactly.
CREATE TABLE positions (
    realm text NOT NULL,
    book text NOT NULL CHECK (book IN ('paper', 'live')),
    instrument text NOT NULL,
    quantity bigint NOT NULL,
    cost_paise bigint NOT NULL,
    realised_paise bigint NOT NULL,
    charges_paise bigint NOT NULL,
    updated_at_ns bigint NOT NULL,
    updated_at timestamptz GENERATED ALWAYS AS (to_timestamp(updated_at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, book, instrument)
);

CREATE TABLE risk_events (
    realm text NOT NULL,
    seq bigint NOT NULL,
    event text NOT NULL,
    subject text NOT NULL,
    measured bigint NOT NULL,
    limit_value bigint NOT NULL,
    why text NOT NULL,
    at_ns bigint NOT NULL,
    at timestamptz GENERATED ALWAYS AS (to_timestamp(at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, seq),
    FOREIGN KEY (realm, seq) REFERENCES journal
);

CREATE TABLE audit_log (
    realm text NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    outcome text NOT NULL,
    who text NOT NULL,
    reason text NOT NULL,
    at_ns bigint NOT NULL,
    at timestamptz GENERATED ALWAYS AS (to_timestamp(at_ns::float8 / 1e9)) STORED,
    PRIMARY KEY (realm, seq),
    FOREIGN KEY (realm, seq) REFERENCES journal
);

CREATE TABLE system_state (
    realm text NOT NULL,
    key text NOT NULL,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (realm, key)
);

-- SQLSTATE PH001: another epoch leads. PH002: a record about something that was never recorded.

CREATE FUNCTION fence(p_engine text, p_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM leases WHERE engine_id = p_engine AND epoch = p_epoch FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'epoch % of % does not lead', p_epoch, p_engine USING ERRCODE = 'PH001';
    END IF;
END $$;

-- Records enter the journal here and nowhere else: all of them under the leading epoch, or none.
CREATE FUNCTION journal_append(p_engine text, p_epoch bigint, p_realm text, p_seqs bigint[],
    p_ats bigint[], p_kinds text[], p_groups text[], p_bodies bytea[], p_chains bytea[])
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM fence(p_engine, p_epoch);
    INSERT INTO journal SELECT p_realm, r.*, p_epoch
        FROM unnest(p_seqs, p_ats, p_kinds, p_groups, p_bodies, p_chains) AS r;
END $$;

CREATE FUNCTION order_fact(p_realm text, p_id text, p_status text, p_venue text, p_filled bigint,
    p_reason text, p_at bigint, p_is_final boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orders SET
        status = coalesce(p_status, status),
        venue_order_id = CASE WHEN p_venue = '' THEN venue_order_id ELSE p_venue END,
        filled_quantity = greatest(filled_quantity, p_filled),
        reason = CASE WHEN p_reason = '' THEN reason ELSE p_reason END,
        updated_at_ns = p_at,
        ended_at_ns = CASE WHEN p_is_final THEN p_at ELSE ended_at_ns END
    WHERE realm = p_realm AND client_order_id = p_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'order % was never planned', p_id USING ERRCODE = 'PH002';
    END IF;
END $$;

CREATE FUNCTION order_modified(p_realm text, p_id text, p_venue text, p_quantity bigint,
    p_limit bigint, p_trigger bigint, p_at bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM order_fact(p_realm, p_id, NULL, p_venue, 0, '', p_at, false);
    UPDATE orders SET quantity = p_quantity, price_limit_paise = p_limit,
        price_trigger_paise = p_trigger
    WHERE realm = p_realm AND client_order_id = p_id;
END $$;

CREATE FUNCTION group_closed(p_realm text, p_id text, p_reason text, p_entered bigint,
    p_gross bigint, p_charges bigint, p_at bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE groups SET closed_at_ns = p_at, close_reason = p_reason, quantity_entered = p_entered,
        pnl_gross_paise = p_gross, charges_paise = p_charges
    WHERE realm = p_realm AND group_id = p_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'group % was never opened', p_id USING ERRCODE = 'PH002';
    END IF;
END $$;

-- A fill moves the position: what closes realises against the average cost (the released cost is
-- whole paise, and everything is released when flat, so none is lost); the rest opens.
CREATE FUNCTION position_filled(p_realm text, p_book text, p_instrument text, p_signed bigint,
    p_price bigint, p_charges bigint, p_at bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    held positions%ROWTYPE;
    closing bigint := 0;
    released bigint := 0;
BEGIN
    INSERT INTO positions VALUES (p_realm, p_book, p_instrument, 0, 0, 0, 0, p_at)
        ON CONFLICT DO NOTHING;
    SELECT * INTO held FROM positions
        WHERE realm = p_realm AND book = p_book AND instrument = p_instrument FOR UPDATE;
    IF sign(held.quantity) * sign(p_signed) < 0 THEN
        closing := sign(p_signed) * least(abs(held.quantity), abs(p_signed));
        released := held.cost_paise * abs(closing) / abs(held.quantity);
    END IF;
    UPDATE positions SET
        quantity = held.quantity + p_signed,
        cost_paise = held.cost_paise - released + (p_signed - closing) * p_price,
        realised_paise = held.realised_paise - closing * p_price - released,
        charges_paise = held.charges_paise + p_charges,
        updated_at_ns = p_at
    WHERE realm = p_realm AND book = p_book AND instrument = p_instrument;
END $$;

CREATE FUNCTION order_filled(p_realm text, p_id text, p_venue text, p_trade text, p_book text,
    p_instrument text, p_side text, p_quantity bigint, p_price bigint, p_total bigint,
    p_ordered bigint, p_charges bigint, p_at bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM order_fact(p_realm, p_id,
        CASE WHEN p_total >= p_ordered THEN 'filled' ELSE 'partly_filled' END,
        p_venue, p_total, '', p_at, p_total >= p_ordered);
    INSERT INTO trades VALUES (p_realm, p_venue, p_trade, p_id, p_book, p_instrument, p_side,
        p_quantity, p_price, p_charges, p_at);
    PERFORM position_filled(p_realm, p_book, p_instrument,
        CASE p_side WHEN 'BUY' THEN p_quantity ELSE -p_quantity END, p_price, p_charges, p_at);
END $$;
