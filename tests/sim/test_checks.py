"""Each check of a simulated run can fail: a forged run that breaks it, and one that does not."""

import pytest

from scripts.simulation import liveness
from scripts.simulation.checks import (
    INVARIANTS,
    LIVENESS,
    account,
    alarms,
    authority,
    commands,
    fills,
    flatness,
    limits_check,
    orders,
    positions,
    protection,
    supervision,
    wire,
)
from scripts.simulation.checks.coverage import NOT_CHECKED, SOMETIMES
from scripts.simulation.observer import Observer
from tests.sim import stories_asking, stories_liveness, stories_orders, stories_state
from tests.sim.forge import STORIES, Forge, Story, outcome

CHECKS = {check.id: check for check in (*INVARIANTS, *LIVENESS)}
MODULES = (stories_orders, stories_state, stories_liveness)
"""Importing them registers their stories."""
CATALOGUE = {f"INV-{n:02}" for n in range(1, 46)} | {f"LIV-{n:02}" for n in range(1, 13)}


def test_when_ids_are_counted_then_each_is_checked_or_excused() -> None:
    assert len(CHECKS) == len(INVARIANTS) + len(LIVENESS), "two checks with one id"
    assert CHECKS.keys() | NOT_CHECKED.keys() == CATALOGUE
    assert not CHECKS.keys() & NOT_CHECKED.keys()
    assert STORIES.keys() == CHECKS.keys()
    assert len(set(SOMETIMES)) == len(SOMETIMES)


@pytest.mark.parametrize("check_id", sorted(CHECKS))
def test_when_it_is_broken_then_the_check_says_so(check_id: str) -> None:
    assert outcome(CHECKS[check_id], STORIES[check_id], is_bad=True) == check_id


@pytest.mark.parametrize("check_id", sorted(CHECKS))
def test_when_it_holds_then_the_check_is_silent(check_id: str) -> None:
    assert outcome(CHECKS[check_id], STORIES[check_id], is_bad=False) == ""


@pytest.mark.parametrize("check_id", sorted(CHECKS))
def test_when_a_trade_goes_well_then_every_check_is_silent(check_id: str) -> None:
    def tell(forge: object, is_bad: bool) -> None:
        stories_orders.a_stop_that_shrinks(forge)  # type: ignore[arg-type]

    assert outcome(CHECKS[check_id], tell, is_bad=False) == ""


@pytest.mark.parametrize(("is_all_booked", "violated"), [(True, ""), (False, "INV-02")])
def test_when_a_stranger_closes_in_parts_then_every_part_is_to_be_booked(
    is_all_booked: bool, violated: str
) -> None:
    def tell(forge: Forge, is_bad: bool) -> None:
        stories_state.a_stranger_closes(forge, is_all_booked=is_all_booked)

    assert outcome(positions.TruthIsInTheInterval, tell, is_bad=True) == violated


@pytest.mark.parametrize(
    ("kind", "tell", "violated"),
    [
        (orders.ExitsWithinPosition, stories_asking.an_exit_is_asked_beside_a_target, "INV-16"),
        (orders.ExitsWithinPosition, stories_asking.a_stop_crosses_a_fill, ""),
        (orders.ExitsWithinPosition, stories_asking.a_stop_ignores_a_fill, "INV-16"),
        (
            orders.ExitsWithinPosition,
            stories_asking.a_target_is_asked_beside_a_stop_that_is_too_large,
            "",
        ),
        (orders.OneFlight, stories_asking.the_second_of_a_rejected_target_is_called_back, ""),
        (
            orders.OneFlight,
            stories_asking.a_second_is_called_back_while_the_first_is_open,
            "INV-19",
        ),
        (orders.OneFlight, stories_asking.an_exit_crosses_the_news_of_a_second, ""),
        (orders.OneFlight, stories_asking.an_exit_beside_two_that_are_open, "INV-19"),
        (
            orders.OneFlight,
            stories_asking.an_exit_beside_a_second_that_was_called_back,
            "INV-19",
        ),
        (authority.CancelStates, stories_asking.a_target_that_has_grown_at_its_venue, ""),
        (
            authority.CancelStates,
            stories_asking.a_target_that_has_not_grown_at_its_venue,
            "INV-10",
        ),
        (orders.OneFlight, stories_asking.a_second_stop_for_the_rest, ""),
        (orders.OneFlight, stories_asking.a_second_stop_for_more_than_the_rest, "INV-19"),
        (orders.OneFlight, stories_asking.a_second_stop_beside_one_that_works, "INV-19"),
        (fills.FillsCountOnce, stories_asking.a_booked_trade_is_called_too_much, "INV-21"),
        (fills.FillsCountOnce, stories_asking.an_order_trades_more_than_it_can, ""),
        (orders.OneFlight, stories_orders.another_stop_beside_one_that_left, "INV-19"),
        (wire.SentOnce, stories_orders.a_stop_that_never_came_to_the_broker, ""),
        (wire.SentOnce, stories_orders.a_cancel_goes_with_the_spool, ""),
        (wire.SentOnce, stories_orders.a_cancel_leaves_twice, "INV-04"),
        (orders.NeverBackwards, stories_orders.an_end_goes_with_the_spool, ""),
        (orders.NeverBackwards, stories_orders.an_end_that_is_left_comes_again, "INV-20"),
        (account.CountersOnlyRise, stories_state.an_order_goes_with_the_spool, ""),
        (account.CountersOnlyRise, stories_state.an_order_that_is_left_is_not_counted, "INV-26"),
        (authority.ReduceOnly, stories_orders.a_target_waits_behind_a_stop_that_shrinks, ""),
        (
            authority.ReduceOnly,
            stories_orders.a_target_waits_behind_a_stop_that_does_not_shrink,
            "INV-09",
        ),
        (authority.CancelStates, stories_orders.a_target_waits_until_the_mode_rises, ""),
        (
            authority.CancelStates,
            stories_orders.a_target_leaves_in_a_mode_that_does_not_rise,
            "INV-10",
        ),
        (
            authority.CancelStates,
            stories_orders.a_target_leaves_after_the_mode_has_fallen,
            "INV-10",
        ),
        (commands.LatchesSurvive, stories_state.an_approval_before_the_loss, ""),
        (commands.LatchesSurvive, stories_state.an_approval_by_a_latched_guard, "INV-13"),
        (protection.NoOrphans, stories_state.a_late_entry_that_is_told_by_its_tag, ""),
        (protection.NoOrphans, stories_state.a_late_entry_beside_one_that_is_told, "INV-18"),
        (positions.OwnersSumUp, stories_state.a_fill_is_gone, ""),
        (positions.OwnersSumUp, stories_state.a_fill_is_gone_and_a_guard_knows_it, "INV-22"),
        (positions.OwnersSumUp, stories_state.a_fill_is_gone_and_a_group_knows_it, "INV-22"),
        (positions.OwnersSumUp, stories_state.a_void_guard_knows_what_is_gone, ""),
        (positions.OwnersSumUp, stories_state.a_live_fill_is_gone, ""),
        (positions.OwnersSumUp, stories_state.a_paper_fill_happens_again, ""),
        (positions.OwnersSumUp, stories_state.a_paper_fill_happens_again_unseen, "INV-22"),
        (fills.FillsCountOnce, stories_state.a_paper_fill_happens_again, ""),
        (orders.NeverBackwards, stories_state.a_paper_fill_happens_again, ""),
        (account.ReservationsAreWorstCases, stories_state.an_opening_is_gone, ""),
        (account.ReservationsAreWorstCases, stories_state.an_opening_that_left_is_gone, "INV-23"),
        (limits_check.LimitsHold, stories_orders.an_expired_session, "INV-24"),
        (limits_check.LimitsHold, stories_orders.a_plan_of_the_last_minutes, "INV-24"),
        (
            limits_check.LimitsHold,
            stories_orders.an_entry_at_a_price_that_only_the_guard_heard,
            "",
        ),
        (limits_check.LimitsHold, stories_orders.an_entry_far_from_the_writers_price, "INV-24"),
        (limits_check.LimitsHold, stories_orders.an_entry_far_from_an_old_price, ""),
        (limits_check.RateKept, stories_orders.a_writer_stands_still, ""),
        (limits_check.RateKept, stories_orders.a_watcher_stands_still, ""),
        (
            limits_check.RateKept,
            stories_orders.a_watcher_stands_still_beside_a_live_exit,
            "INV-25",
        ),
        (limits_check.RateKept, stories_orders.a_writer_stood_still_before, "INV-25"),
        (limits_check.RateKept, stories_orders.a_target_lets_later_exits_pass, ""),
        (limits_check.RateKept, stories_orders.a_target_lets_later_targets_pass, "INV-25"),
        (limits_check.RateKept, stories_orders.an_exit_lets_later_exits_pass, "INV-25"),
        (limits_check.RateKept, stories_orders.a_target_waits_for_no_one, "INV-25"),
        (orders.NeverBackwards, stories_orders.an_end_before_its_fills, "INV-20"),
        (
            orders.NeverBackwards,
            stories_orders.a_request_to_cancel_is_taken_for_its_effect,
            "INV-20",
        ),
        (orders.NeverBackwards, stories_orders.a_refusal_ends_an_order, ""),
        (orders.NeverBackwards, stories_orders.silence_is_taken_for_a_refusal, "INV-20"),
        (positions.TruthIsInTheInterval, stories_state.a_late_fill_is_alarmed_only, "INV-02"),
        (positions.TruthIsInTheInterval, stories_state.a_late_fill_while_the_journal_is_away, ""),
        (
            positions.TruthIsInTheInterval,
            stories_state.a_late_fill_behind_books_that_stand_still,
            "",
        ),
        (
            positions.TruthIsInTheInterval,
            stories_state.a_second_late_fill_is_alarmed_only,
            "INV-02",
        ),
        (orders.ExitsWithinPosition, stories_orders.a_modify_that_grows, "INV-16"),
        (authority.ReduceOnly, stories_orders.a_modify_that_grows, "INV-09"),
        (authority.ReduceOnly, stories_orders.a_target_beside_a_doubled_one, "INV-09"),
        (authority.ReduceOnly, stories_orders.a_target_beside_one_whose_double_is_gone, ""),
        (authority.ReduceOnly, stories_orders.a_growth_waits_behind_another, ""),
        (authority.ReduceOnly, stories_orders.a_growth_has_left_before_another, "INV-09"),
        (authority.ReduceOnly, stories_orders.a_growth_that_the_writer_forgot, "INV-09"),
        (
            authority.ReduceOnly,
            stories_orders.an_order_lives_on_that_the_venue_shows_as_over,
            "INV-09",
        ),
        (authority.ReduceOnly, stories_orders.a_target_beside_a_stop_that_has_shrunk, ""),
        (
            authority.ReduceOnly,
            stories_orders.a_target_beside_a_stop_that_stays_too_large,
            "INV-09",
        ),
        (orders.ExitsWithinPosition, stories_orders.a_growth_waits_behind_another, "INV-16"),
        (orders.ExitsWithinPosition, stories_orders.a_growth_has_left_before_another, "INV-16"),
        (orders.ExitsWithinPosition, stories_orders.a_growth_that_the_writer_forgot, "INV-16"),
        (
            orders.ExitsWithinPosition,
            stories_orders.an_order_lives_on_that_the_venue_shows_as_over,
            "INV-16",
        ),
        (orders.ExitsWithinPosition, stories_orders.a_target_beside_a_stop_that_has_shrunk, ""),
        (
            orders.ExitsWithinPosition,
            stories_orders.a_target_beside_a_stop_that_stays_too_large,
            "INV-16",
        ),
        (authority.CancelStates, stories_orders.a_halted_stop_trades_at_once, "INV-10"),
        (authority.CancelStates, stories_orders.a_halted_stop_has_triggered, ""),
        (authority.CancelStates, stories_orders.a_halted_rest_is_more_than_is_left, "INV-10"),
        (authority.CancelStates, stories_orders.a_halted_target_after_its_stop, "INV-10"),
        (account.ReservationsAreWorstCases, stories_state.a_closing_in_the_journal, ""),
        (account.ReservationsAreWorstCases, stories_state.a_closing_that_the_guard_heard, "INV-23"),
        (commands.KillIsDurable, stories_state.a_halt_in_memory, "INV-12"),
        (commands.KillIsDurable, stories_state.a_flatten_of_the_same_id, ""),
        (commands.LatchesSurvive, stories_state.a_halted_engine_rises, "INV-13"),
        (commands.LatchesSurvive, stories_state.a_rise_before_the_halt, ""),
        (commands.LatchesSurvive, stories_state.a_rise_after_the_halt, "INV-13"),
        (commands.LatchesSurvive, stories_state.an_approval_after_the_loss, "INV-13"),
        (supervision.CoreInOrder, stories_state.a_stop_out_of_order, "INV-32"),
        (supervision.CoreInOrder, stories_state.a_restart_by_order, ""),
        (supervision.RestartsWithinBudget, stories_state.a_child_was_under_way, ""),
        (supervision.RestartsWithinBudget, stories_state.a_child_comes_after, "INV-31"),
        (supervision.RestartsWithinBudget, stories_state.a_strategy_fails_on, "INV-31"),
        (supervision.RestartsWithinBudget, stories_state.a_strategy_fails_under_two, ""),
        (authority.ModesMoveByTheTable, stories_orders.a_life_that_begins_live, "INV-34"),
        (wire.DurableFirst, stories_orders.an_entry_from_the_spool, "INV-03"),
        (wire.DurableFirst, stories_orders.the_first_of_one_id_leaves, ""),
        (wire.DurableFirst, stories_orders.the_second_of_one_id_leaves, "INV-03"),
        (protection.NoOrphans, stories_orders.an_entry_past_its_time, "INV-18"),
        (protection.NoOrphans, stories_liveness.no_start_with_an_old_entry, ""),
        (protection.NoOrphans, stories_liveness.no_start_with_an_old_entry_and_no_alarm, "INV-18"),
        (protection.NoOrphans, stories_liveness.an_old_entry_after_the_start, "INV-18"),
        (liveness.ReconciledClean, stories_liveness.a_stranger_stands_in_the_book, ""),
        (liveness.ReconciledClean, stories_liveness.a_stranger_and_more, "LIV-04"),
        (liveness.ReconciledClean, stories_liveness.a_clean_look_just_before_the_healing, ""),
        (
            liveness.ReconciledClean,
            stories_liveness.an_unclean_look_just_before_the_healing,
            "LIV-04",
        ),
        (liveness.ReconciledClean, stories_liveness.no_look_for_long, "LIV-04"),
        (liveness.NothingLeftLying, stories_liveness.a_room_stands_still_at_the_very_end, ""),
        (liveness.NothingLeftLying, stories_liveness.a_room_stood_still_for_long, "LIV-10"),
        (liveness.NothingLeftLying, stories_liveness.a_room_that_goes_leaves_messages, "LIV-10"),
        (alarms.AlarmsEnd, stories_liveness.an_exit_rests_while_nothing_trades, ""),
        (alarms.AlarmsEnd, stories_liveness.an_exit_rests_in_a_market_that_trades, "LIV-12"),
        (flatness.Flattened, stories_liveness.a_silent_market, ""),
        (flatness.Flattened, stories_liveness.a_loss_that_no_latch_tells, ""),
        (flatness.Flattened, stories_liveness.a_loss_that_is_latched, "LIV-02"),
        (flatness.Flattened, stories_liveness.a_loss_that_the_next_life_finds_too, "LIV-02"),
        (flatness.Flattened, stories_liveness.a_persons_flatten_before_a_death, "LIV-02"),
        (flatness.SquaredOff, stories_liveness.nothing_trades_before_the_close, ""),
        (flatness.SquaredOff, stories_liveness.less_depth_than_was_held, ""),
        (flatness.SquaredOff, stories_liveness.as_much_depth_as_was_held, "LIV-11"),
        (flatness.SquaredOff, stories_liveness.depth_until_the_close_of_paper, "LIV-11"),
        (flatness.SquaredOff, stories_liveness.depth_for_who_buys, ""),
        (flatness.KilledFlat, stories_liveness.a_kill_is_cleared_before_an_entry_fills, ""),
        (flatness.KilledFlat, stories_liveness.a_killed_life_dies_before_an_entry_fills, "LIV-01"),
        (flatness.KilledFlat, stories_liveness.a_kill_is_cleared_on_the_way_out, "LIV-01"),
        (flatness.ProtectedOrFlat, stories_liveness.an_alarm_before_the_healing, "LIV-09"),
        (protection.PositionsProtected, stories_liveness.no_start_without_the_database, ""),
        (protection.PositionsProtected, stories_liveness.no_start_and_no_alarm, "INV-17"),
        (protection.PositionsProtected, stories_liveness.an_alarm_of_the_start_only, "INV-17"),
        (protection.PositionsProtected, stories_liveness.an_alarm_as_a_life_begins, ""),
        (authority.FlattenOnlyShrinks, stories_orders.a_leg_from_before_flips, ""),
        (authority.FlattenOnlyShrinks, stories_orders.a_leg_is_enlarged_while_flattening, "INV-42"),
        (authority.ModesMoveByTheTable, stories_state.a_mode_goes_with_the_spool, ""),
        (authority.ModesMoveByTheTable, stories_state.a_mode_below_what_is_left, "INV-34"),
        (liveness.NoStuckCeiling, stories_liveness.the_database_is_back_at_the_very_end, ""),
        (liveness.NoStuckCeiling, stories_liveness.the_database_is_not_found_again, "LIV-08"),
        (liveness.NoStuckCeiling, stories_liveness.a_room_is_down_at_the_very_end, "LIV-08"),
        (orders.AttemptsWithinIntent, stories_orders.a_growth_that_comes_too_late, ""),
        (orders.ExitsWithinPosition, stories_orders.a_growth_that_comes_too_late, ""),
        (wire.SentOnce, stories_orders.a_change_that_left_goes_with_the_spool, ""),
        (orders.OneFlight, stories_orders.a_lost_stop_works_after_all, ""),
        (orders.OneFlight, stories_orders.its_next_attempt_leaves, "INV-19"),
        (orders.OneFlight, stories_orders.its_next_attempt_is_repeated, "INV-19"),
        (orders.OneFlight, stories_orders.a_growth_that_comes_too_late, ""),
        (orders.OneFlight, stories_orders.a_stop_goes_with_the_spool, ""),
        (orders.OneFlight, stories_orders.a_paper_stop_goes_with_the_spool, ""),
        (orders.OneFlight, stories_orders.a_stop_that_left_goes_with_the_spool, ""),
        (wire.SentOnce, stories_orders.a_paper_stop_goes_with_the_spool, ""),
        (wire.SentOnce, stories_orders.a_stop_that_left_goes_with_the_spool, "INV-04"),
        (fills.FillsCountOnce, stories_orders.a_growth_given_up_too_early, ""),
        (fills.FillsCountOnce, stories_orders.a_growth_that_never_was, "INV-21"),
    ],
)
def test_when_another_twist_is_told_then_it_is_judged(
    kind: type[Observer], tell: Story, violated: str
) -> None:
    assert outcome(kind, lambda forge, _: tell(forge), is_bad=True) == violated  # type: ignore[call-arg]
