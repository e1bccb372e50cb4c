//! What every implementation of the port must do. Each case gets an empty store and knows nothing but the port.

pub(super) mod commits;
pub(super) mod inbox;
pub(super) mod leases;
pub(super) mod nodes;
pub(super) mod outbox;
pub(super) mod reads;
pub(super) mod retention;

/// Hands every case to a macro, which makes a test of each for its database.
macro_rules! for_every_case {
    ($make_tests:ident) => {
        $make_tests! {
            inbox:
                a_delivery_is_stored_once_per_id,
                a_delivery_is_stored_once_per_body,
                sources_do_not_share_ids_or_bodies,
                bodies_keep_every_byte,
                due_deliveries_come_oldest_first_and_limited,
                sources_that_nobody_reads_are_not_in_the_way,
                a_delivery_that_is_done_is_not_due,
                a_delivery_that_failed_comes_back_when_it_is_due,
                a_dead_delivery_never_comes_back_and_stays_known,
                dead_deliveries_are_told_newest_first;
            commits:
                facts_round_trip,
                an_unknown_issue_is_not_there,
                a_stale_commit_leaves_no_trace,
                a_second_first_commit_conflicts,
                an_occurrence_counts_once,
                states_may_repeat,
                known_occurrences_are_told,
                of_two_concurrent_commits_one_conflicts,
                concurrent_read_then_write_loses_nothing,
                deliveries_are_done_with_the_commit;
            leases:
                a_held_lease_is_refused_until_it_expires,
                an_issue_that_is_not_stored_has_no_lease,
                a_token_grows_over_release,
                a_lease_is_renewed_until_it_expires,
                releasing_a_lost_lease_does_nothing,
                of_many_concurrent_workers_one_gets_the_lease,
                a_claim_inserts_its_run,
                a_claim_without_the_lease_leaves_no_trace,
                a_lease_is_good_for_its_own_issue_only,
                an_issue_has_one_open_run,
                no_two_runs_have_the_same_id,
                a_run_advances_under_its_lease,
                an_old_token_cannot_advance_or_settle,
                a_settled_run_is_not_settled_again,
                a_settled_run_does_not_advance,
                a_run_is_orphaned_when_its_lease_is_gone;
            nodes:
                an_issue_is_taken_by_its_home_unless_that_is_gone,
                a_beat_keeps_an_issue_at_its_home,
                a_lost_run_is_left_to_its_home_unless_that_is_gone,
                a_node_learns_of_the_others,
                a_newer_process_of_a_node_takes_the_place_of_the_older,
                what_the_earlier_process_of_a_node_held_is_free,
                the_reports_of_a_node_that_is_gone_are_free,
                a_role_has_one_node,
                a_change_that_needs_the_lease_is_refused_without,
                the_pulse_tells_that_something_is_new;
            outbox:
                a_lane_goes_in_order,
                lanes_do_not_wait_for_each_other,
                an_urgent_report_overtakes,
                urgent_reports_keep_their_own_order,
                a_taken_report_comes_back_when_its_hold_expires,
                a_failed_report_comes_back_when_it_is_due_and_holds_its_lane,
                a_refused_report_frees_its_lane,
                a_report_ends_once,
                the_number_of_taken_reports_is_limited,
                reports_round_trip,
                of_a_set_only_the_newest_one_counts,
                sets_of_one_lane_have_nothing_to_do_with_each_other,
                a_pause_holds_everything_to_its_target_and_nothing_else,
                a_pause_does_not_become_shorter,
                only_the_taker_puts_a_report_off,
                there_is_room_for_urgent_reports_alone;
            reads:
                ready_are_issues_whose_run_is_due,
                a_leased_issue_is_not_ready,
                an_issue_keeps_its_place_among_the_ready,
                the_next_due_time_is_the_earliest_of_a_wait,
                starts_are_counted_by_project,
                issues_are_listed_newest_first_in_pages,
                issues_are_filtered,
                an_issue_is_found_by_its_pull_request,
                the_log_is_its_newest_part_oldest_first,
                the_feed_goes_on_after_a_cursor,
                the_feed_of_one_issue_is_its_own,
                the_newest_lines_of_the_feed_come_oldest_first,
                whoever_follows_the_feed_misses_no_line,
                runs_of_an_issue_are_listed_oldest_first,
                what_was_said_in_a_run_is_kept_in_its_order,
                only_whoever_has_the_run_adds_to_what_was_said_in_it,
                everything_is_counted,
                settled_issues_are_listed_in_the_order_of_their_ends,
                an_issue_that_changes_after_its_end_ended_when_it_did;
            retention:
                what_a_delivery_says_is_forgotten_before_that_it_came,
                what_waits_is_never_forgotten,
                reports_of_settled_issues_are_forgotten_when_they_are_done,
                what_was_said_in_runs_is_forgotten_by_its_age,
                old_lines_of_the_feed_are_forgotten_and_no_cursor_comes_again;
        }
    };
}

pub(super) use for_every_case;
