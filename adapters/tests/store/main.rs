//! One suite for every store: what the ports promise, tried on the real thing.
//!
//! A store takes part with a [`fixture::Fixture`] and one line: `every_store!(crate::mystore::MyStore);`. What only one
//! store can show is in that store's own file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;
mod given;
mod model;
mod mongo;
mod sqlite;
mod suite;

/// Makes a test of each named sentence of the suite, on a fresh store of this fixture.
macro_rules! conformance {
    ($fixture:ty: $($subject:ident { $($sentence:ident),* $(,)? })*) => {$(
        mod $subject {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $sentence() {
                    if let Some(fixture) = <$fixture as crate::fixture::Fixture>::fresh().await {
                        crate::suite::$subject::$sentence(fixture).await;
                    }
                }
            )*
        }
    )*};
}

/// What every store promises.
macro_rules! every_store {
    ($fixture:ty) => {
        $crate::conformance! { $fixture:
            insert {
                a_stored_job_reads_back_as_it_was_given,
                inserting_a_follow_up_again_changes_nothing,
                a_repeated_insert_of_a_finished_job_changes_nothing,
                sixty_four_concurrent_inserts_of_one_unique_key_give_one_job_and_the_key_is_free_after_the_end,
                a_batch_is_answered_in_its_order,
                a_job_for_later_is_scheduled_and_one_for_now_is_available,
                a_job_for_at_once_is_due_since_it_was_stored,
            }
            claim {
                a_claim_gives_a_lease_an_attempt_and_a_fence,
                sixteen_concurrent_claimers_never_run_one_job_twice,
                what_is_not_there_to_be_claimed_is_gone,
                only_one_running_job_per_concurrency_key,
                a_suspect_is_not_claimed_by_who_wants_none,
                a_renewed_lease_is_held_and_a_foreign_one_is_not,
            }
            settle {
                a_completed_job_keeps_its_outcome_and_frees_its_keys,
                a_settlement_with_an_old_fence_changes_nothing,
                sixteen_racing_settlements_count_once,
                a_snooze_gives_the_attempt_back,
                a_job_handed_back_gives_the_attempt_back_and_counts_no_snooze,
                a_retry_keeps_its_attempt_its_unique_key_and_its_time_after_reopening,
                a_dead_letter_keeps_its_fingerprint_and_the_history_of_its_attempts,
                only_the_newest_attempts_are_kept,
            }
            rescue {
                a_job_whose_lease_ended_is_available_again_and_counts_a_crash,
                a_held_lease_is_not_rescued,
                three_crashes_quarantine,
                a_rescued_job_ignores_its_old_holder,
                concurrent_rescuers_count_one_crash,
            }
            due {
                due_jobs_come_in_order_of_time_and_id_within_a_lane,
                a_sent_job_is_not_due_until_it_was_sent_long_ago,
                a_claim_and_a_settlement_remove_the_note_of_sending,
                a_job_that_is_sent_as_it_is_stored_is_noted_so_until_that_is_taken_back,
                a_deferred_job_waits_for_its_new_time,
                the_next_due_time_is_that_of_the_first_waiting_job,
                what_stands_in_the_way_of_a_job_is_a_running_one_of_its_key_and_what_is_due_before_it,
            }
            control {
                what_is_noted_as_sent_can_be_counted_and_forgotten,
                a_waiting_job_is_cancelled_at_once_with_who_did_it_and_its_key_is_free,
                a_running_job_is_told_and_cannot_wait_any_more,
                a_running_job_that_ends_well_before_it_hears_of_a_cancel_is_completed,
                a_dead_letter_runs_again_with_all_its_tries_and_its_history,
                a_dead_letter_whose_twin_lives_stays_dead,
                a_waiting_job_can_be_made_a_dead_letter,
                a_waiting_job_is_given_another_time,
                a_job_can_be_run_again_later_and_in_another_lane,
                a_job_keeps_the_newest_reasons_why_it_was_told_to_wait,
                a_running_job_says_how_far_it_is_and_nobody_else_does,
            }
            model {
                any_calls_in_any_order_are_answered_as_by_a_plain_model,
            }
            pauses {
                a_pause_reads_back_as_it_was_given_until_it_is_ended,
                what_is_paused_is_not_due,
                a_canary_is_changed_by_whoever_read_it_last,
            }
            cause_marks {
                what_is_said_of_a_cause_is_kept_until_something_else_is_said,
                jobs_are_counted_by_the_hour_in_which_they_ended,
            }
            tally {
                a_tally_groups_a_runs_jobs_by_what_became_of_them,
                a_run_is_live_while_one_of_its_jobs_is_not_final,
            }
            list {
                failed_jobs_are_found_by_cause_code_and_words,
                jobs_are_found_by_role_parent_endpoint_lane_and_time,
                jobs_are_told_apart_by_guild_and_by_cause,
                lists_by_state_kind_guild_user_account_and_run_page_stably_while_new_jobs_arrive,
                filters_combine,
                counts_follow_the_filter,
            }
            guilds {
                a_guild_reads_back_as_it_was_given,
                a_changed_guild_keeps_its_token_and_the_time_it_was_added,
                guilds_are_listed_by_name,
                a_removed_guild_takes_its_mappings_with_it,
                settings_health_and_who_added_it_read_back_as_they_were_given,
                health_is_noted_without_touching_anything_else,
                a_changed_guild_keeps_its_health_and_who_added_it,
                a_record_id_stays_as_long_as_the_guild,
            }
            schedules {
                a_schedule_is_on_until_it_is_switched_off_and_told_once,
                what_was_looked_at_moves_for_one_of_two_who_look,
                a_tick_that_was_begun_stays_so_and_a_missed_one_takes_no_place,
                only_the_newest_ticks_of_a_schedule_are_kept,
            }
            retired_guilds {
                a_retired_guild_reads_back_as_it_was_given,
                a_retired_guild_is_forgotten_only_by_the_run_that_it_waits_for,
                a_retired_guild_is_no_configured_one,
            }
            mappings {
                a_mapping_reads_back_as_it_was_given,
                a_group_has_one_role_in_a_guild,
                sixteen_concurrent_mappings_of_one_group_give_one,
                mappings_are_listed_by_guild_and_priority,
                a_removed_mapping_is_gone,
                conditions_and_who_added_it_read_back_as_they_were_given,
                an_updated_mapping_keeps_who_added_it_and_when,
                an_update_is_refused_when_somebody_changed_the_mapping_since,
                of_sixteen_updates_of_one_reading_one_counts,
                syncs_are_noted_without_touching_anything_else,
            }
            links {
                a_link_reads_back_as_it_was_given,
                of_sixteen_users_who_claim_an_account_at_once_one_gets_it,
                tokens_stay_when_the_link_changes_without_them,
                a_user_has_many_accounts_and_an_account_has_one_user,
                only_active_links_are_active_and_only_those_with_a_token_can_join,
                a_link_that_needs_consent_stays_active_and_is_not_refreshed,
                expiring_links_come_with_the_first_to_end_first,
            }
            accounts {
                accounts_are_listed_with_the_newest_link_first_in_pages_with_a_total,
                an_account_filter_narrows_the_page_and_the_total,
                a_profile_reads_back_as_it_was_given_and_changes_nothing_else,
                a_removed_account_is_forgotten_with_all_that_was_known_of_it,
                a_sync_of_all_is_noted_on_every_active_account,
            }
            api_keys {
                a_key_reads_back_as_it_was_given_and_its_id_is_taken,
                keys_are_listed_newest_first,
                a_key_is_taken_back_once_and_for_ever,
                a_use_is_noted_once_a_minute_and_never_set_back,
                of_sixteen_who_note_the_same_use_one_writes,
            }
            oauth_states {
                a_state_is_taken_as_it_was_put,
                of_sixteen_who_take_a_state_at_once_one_gets_it,
                an_expired_a_reused_and_an_unknown_state_are_told_apart,
                states_that_ended_are_pruned,
            }
            audit {
                a_record_reads_back_as_it_was_chained_and_again_changes_nothing,
                of_many_who_append_at_once_in_two_processes_each_gets_a_place_of_its_own,
                records_are_found_by_who_what_on_what_and_when_and_page_stably,
                what_is_erased_leaves_who_and_when_and_a_chain_that_is_whole,
                old_records_are_pruned_from_the_beginning_and_never_the_newest,
            }
            runs {
                a_run_that_is_over_can_be_reopened,
                a_run_reads_back_as_it_was_given_and_again_changes_nothing,
                a_run_closes_once,
                runs_are_listed_newest_first_and_page_stably,
                runs_of_a_guild_are_those_that_name_it,
                runs_are_listed_by_state_in_all_guilds_and_in_one,
                running_runs_are_those_that_are_not_closed,
            }
            sealed_fields {
                every_secret_is_found_in_pages_and_empty_ones_are_not,
                those_that_begin_with_the_mark_are_left_out,
                a_secret_is_replaced_only_if_it_is_as_it_was_read,
            }
            refreshes {
                a_refresh_whose_end_is_not_known_is_told_to_the_next_one,
                of_sixteen_who_begin_a_refresh_at_once_one_does,
                a_new_pair_is_stored_only_in_the_place_of_the_one_it_was_made_of,
                a_refused_refresh_tells_why_until_there_are_new_tokens,
            }
            replies {
                an_answer_is_kept_for_the_same_request_and_no_other,
                a_request_without_an_answer_frees_its_key_or_is_given_up,
                of_sixteen_with_one_key_at_once_one_does_the_work,
                answers_are_deleted_when_they_are_old,
            }
            retention {
                jobs_that_ended_long_ago_are_deleted_in_batches_and_others_stay,
                jobs_of_a_running_run_stay,
                runs_that_are_over_are_deleted_and_running_ones_stay,
                only_links_that_are_inactive_for_long_are_deleted,
            }
            webhooks {
                an_endpoint_reads_back_as_it_was_given_and_its_id_is_taken,
                endpoints_are_listed_oldest_first_until_they_are_removed,
                of_sixteen_changes_of_one_reading_one_counts,
                a_change_is_refused_when_a_secret_was_sealed_anew_meanwhile,
                an_alarm_stands_as_it_was_first_raised_until_it_is_cleared,
                of_sixteen_who_raise_an_alarm_all_hear_of_the_same,
            }
            workers {
                a_process_reads_back_as_it_tells_of_itself_with_the_stores_time,
                an_order_to_drain_is_heard_with_the_next_beat_and_outlives_it,
                only_a_process_that_is_there_is_ordered_anything,
                those_that_were_not_heard_of_lately_are_left_out,
            }
            job_minutes {
                counts_of_one_minute_and_lane_add_up,
                minutes_are_read_from_a_moment_on_in_the_order_of_time,
            }
            health {
                a_store_answers_and_says_what_it_is,
                preparing_again_changes_nothing,
            }
        }
    };
}

/// What a store with a directory of its own promises besides.
macro_rules! importing_store {
    ($fixture:ty) => {
        $crate::conformance! { $fixture:
            directory {
                a_user_who_was_never_imported_is_unknown_and_not_empty,
                every_user_who_was_asked_for_is_in_the_answer,
                importing_again_changes_nothing,
                an_import_changes_names_and_groups,
                an_import_that_contradicts_a_link_takes_no_row,
                an_import_that_names_a_user_or_an_account_twice_takes_no_row,
                an_import_links_accounts_once,
                replace_empties_those_who_are_not_named_and_keeps_them_known,
                groups_are_listed_by_name_and_keep_their_ids,
            }
        }
    };
}

pub(crate) use {conformance, every_store, importing_store};
