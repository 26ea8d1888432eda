"""The ids that the paper venue gives are no broker's."""

from tests.desk import DAY, START_NS, World


def test_when_paper_numbers_its_orders_then_no_broker_has_such_a_number() -> None:
    world = World()
    world.tick(100_000)
    world.start(world.oco_name)
    world.settle()
    snapshot = world.broker.snapshot(1, START_NS)
    ids = [order.venue_order_id for order in snapshot.orders]
    broker_day = DAY.replace("-", "")[2:]
    assert ids
    assert not any(number.startswith(broker_day) for number in ids)
