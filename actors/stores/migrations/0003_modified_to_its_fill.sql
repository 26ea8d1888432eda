-- An order whose quantity is changed to what it has filled is over: the broker says COMPLETE, and
-- there is no other fact to come.

CREATE OR REPLACE FUNCTION order_modified(p_realm text, p_id text, p_venue text, p_quantity bigint,
    p_limit bigint, p_trigger bigint, p_at bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM order_fact(p_realm, p_id, NULL, p_venue, 0, '', p_at, false);
    UPDATE orders SET quantity = p_quantity, price_limit_paise = p_limit,
        price_trigger_paise = p_trigger,
        status = CASE WHEN filled_quantity >= p_quantity THEN 'filled' ELSE status END,
        ended_at_ns = CASE WHEN filled_quantity >= p_quantity THEN p_at ELSE ended_at_ns END
    WHERE realm = p_realm AND client_order_id = p_id;
END $$;
