"""Which test holds which kind of wrong or hostile input: a table, and that it is true.

One row per kind, in the order of what the input is. Files lie below ``tests/``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

TABLE = """
contours and slices of other distances, gaps     | imaging/radiotherapy/test_slabs.py | test_of_a_blunt_piece
one Study Date over dates weeks apart            | imaging/test_purpose.py | test_a_constant_study_date_gives_way_to_the_acquisitions
one Series UID at two dates                      | imaging/test_purpose.py | test_one_series_uid_at_two_dates_is_two_series
two persons under one identifier                 | imaging/test_catalogue.py | test_two_patients_under_one_id_are_kept_apart
planning CT as a time point                      | imaging/test_purpose.py | test_a_planning_ct_serves_the_field_and_is_no_time_point
cone-beam CT as a time point                     | imaging/test_purpose.py | test_a_cone_beam_ct_is_left_out_by_name
contrast phases that change                      | imaging/test_purpose.py | test_the_phase_that_all_dates_have_goes_before
slice thickness and kernel that change           | imaging/test_purpose.py | test_so_are_thickness_and_kernel
dose whose plan is not at hand                   | imaging/radiotherapy/test_treatment.py | test_a_dose_without_its_plan_takes_the_only_one_of_its_frame
fraction groups of portal images                 | imaging/radiotherapy/test_treatment.py | test_fractions_of_portal_images_are_not_added
prescription in cGy, or negative                 | imaging/radiotherapy/test_treatment.py | test_a_prescription_out_of_range_is_named_and_not_used
dose scaled by a thousand                        | imaging/radiotherapy/test_treatment.py | test_a_dose_that_does_not_go_with_its_prescription_is_questioned
dose shifted off its target                      | imaging/radiotherapy/test_treatment.py | test_a_dose_that_misses_its_target_is_questioned
every ROI of type ORGAN                          | recist/patient/test_delineation.py | test_the_type_organ_tells_nothing_where_every_roi_has_it
nodes by their names                             | recist/patient/test_delineation.py | test_names_of_nodes_ask_the_reader
follow-up whose ROIs are organs only             | recist/patient/test_examination.py | test_a_network_in_the_place_of_a_reader_says_so
ROI without contour, outside, or damaged         | recist/patient/test_delineation.py | test_a_lesion_that_cannot_be_used_is_named_and_the_others_stay
empty ROI taken for a lesion that is gone        | recist/patient/test_delineation.py | test_an_empty_lesion_is_no_proof_that_it_is_gone
name of a lesion drawn elsewhere                 | recist/tracking/test_tracking.py | test_a_name_drawn_elsewhere_is_neither_gone_nor_new_without_the_reader
uptake time of a late reconstruction             | pet/test_suv_headers.py | test_e20_the_uptake_of_a_late_image_lasts_until_its_acquisition
dynamic PET without Series Type                  | imaging/test_choice.py | test_frames_of_a_dynamic_pet_are_no_scan_whatever_the_series_type
PET without CT                                   | imaging/test_catalogue.py | test_a_pet_without_ct_stays_in_the_catalogue
pixels that contradict their header              | imaging/test_hostile_files.py | test_it_is_refused_by_name
numbers that only Python reads                   | imaging/test_hostile_files.py | test_what_only_python_reads_is_no_number
values that are hardly HU                        | imaging/test_hostile_files.py | test_values_that_are_hardly_hu_are_questioned
slices rescaled unlike the others                | imaging/test_hostile_files.py | test_slices_that_are_rescaled_unlike_the_others_are_questioned
NIfTI in another unit of length                  | imaging/test_nifti.py | test_another_unit_of_length
labels that are none                             | imaging/test_nifti.py | test_labels_that_are_none
registration of a featureless body               | imaging/test_registration.py | test_a_motion_that_a_featureless_body_does_not_show_is_not_made
line ends of any kind                            | imaging/tables/test_reading.py | test_every_row_is_read_whatever_ends_it_and_whatever_is_typed
inch marks and stray quotation marks             | imaging/tables/test_reading.py | test_rows_that_cannot_be_told_apart_are_refused_by_name
quotation mark never closed                      | imaging/tables/test_reading.py | test_a_mark_that_is_never_closed_costs_no_time
encodings                                        | imaging/tables/test_reading.py | test_text_as_excel_writes_it
a million columns                                | imaging/tables/test_reading.py | test_very_many_columns_are_refused_at_once
workbook with a short dimension                  | imaging/tables/test_workbooks.py | test_a_sheet_is_as_large_as_its_cells_whatever_is_recorded
title rows, further sheets                       | imaging/tables/test_workbooks.py | test_title_rows_and_further_sheets
merged cells                                     | imaging/tables/test_workbooks.py | test_merged_cells_repeat_what_they_show
serial dates                                     | imaging/tables/test_workbooks.py | test_day_counts_and_dates_with_a_time_are_dates
rows and cells out of their order                | imaging/tables/test_workbooks.py | test_rows_that_a_stream_of_the_sheet_would_lose_are_refused
entities                                         | imaging/tables/test_workbooks.py | test_entities_are_refused_wherever_and_however_they_are_declared
far cells                                        | imaging/tables/test_workbooks.py | test_a_far_cell_is_no_table_of_that_size
packed tables that unpack to any size            | imaging/tables/test_workbooks.py | test_a_parquet_file_that_unpacks_to_any_size_is_refused_before_it_is_unpacked
lists and bytes in parquet                       | imaging/tables/test_workbooks.py | test_columns_of_a_parquet_file_that_are_no_text
float noise at a threshold                       | recist/table/test_form_words.py | test_a_diameter_has_the_digits_that_were_recorded
words of case report forms                       | recist/table/test_form_words.py | test_words_of_forms_that_can_mean_one_thing_only
dates with day or month first                    | recist/table/test_form_words.py | test_a_date_is_read_where_it_is_one_date
control characters in a table                    | recist/table/test_form_words.py | test_control_characters_refuse_the_subject
several scans of screening                       | recist/table/test_visits_and_baselines.py | test_the_last_scan_before_the_start_is_the_baseline
visit scanned on two days                        | recist/table/test_visits_and_baselines.py | test_scans_of_a_visit_on_two_days_are_joined
exact copies of a row                            | recist/table/test_visits_and_baselines.py | test_an_exact_copy_of_a_row_is_no_fragment
reader left blank                                | recist/table/test_visits_and_baselines.py | test_rows_without_reader_beside_those_of_a_reader_are_told
new lesion absent at baseline                    | recist/table/test_visits_and_baselines.py | test_a_new_lesion_may_be_absent_at_the_baseline
non-target that trebles                          | recist/table/test_visits_and_baselines.py | test_a_non_target_that_grows_as_a_target_in_progression_is_asked_about
lesions on neither side                          | recist/table/test_visits_and_baselines.py | test_lesions_on_neither_side_are_told
baseline too old, start unknown                  | recist/table/test_visits_and_baselines.py | test_a_baseline_that_is_none_and_a_start_that_is_not_known_are_told
row without subject                              | recist/table/test_odd_tables.py | test_a_row_without_subject_refuses_the_subject_above_it
negative times                                   | recist/table/test_odd_tables.py | test_a_time_is_never_negative
stable disease without targets                   | recist/abscopal/test_definition_results.py | test_stable_disease_without_targets_is_control_but_no_missed_response
one bad cell in a PET table                      | pet/test_response_table.py | test_a_bad_cell_costs_its_subject_alone
subject NA, time of day                          | pet/test_response_table.py | test_subjects_are_text_and_times_of_day_part_no_scan
Number of Frames NaN                             | imaging/test_hostile_files.py | test_a_number_of_frames_that_is_none
sequences 2,000 deep                             | imaging/test_hostile_files.py | test_sequences_nested_beyond_any_object
links to themselves, pipes                       | imaging/test_hostile_files.py | test_links_that_lead_nowhere_or_to_themselves_and_pipes
deflated bomb                                    | imaging/test_hostile_files.py | test_a_file_that_inflates_without_end
identifier that is a file name or endless        | recist/run/test_batch.py | test_an_identifier_never_makes_a_path_that_fails_or_hides_a_table
name that no file can have                       | recist/cli/test_terminal.py | test_a_name_that_no_file_can_have_is_refused_in_a_line
full disk                                        | recist/run/test_full_disk.py | test_the_main_job_on_a_full_disk_is_named_and_goes_on_when_there_is_room
SEG deflated, RLE, of any encoding               | imaging/test_hostile_files.py | test_every_encoding_of_elements_is_the_same
SEG with fewer frames than groups                | imaging/test_hostile_files.py | test_a_seg_with_fewer_frames_than_groups_is_refused
SEG of tiles                                     | imaging/test_hostile_files.py | test_tiles_of_a_slide_are_refused_by_name
SEG whose frames contradict each other           | imaging/test_hostile_files.py | test_frames_that_contradict_each_other_at_one_place_are_refused
colour, cut, NaN affine of NIfTI                 | imaging/test_nifti.py | test_colours
two acquisitions in one series                   | imaging/test_choice.py | test_two_acquisitions_in_one_series_are_told_apart
objects without preamble                         | imaging/test_hostile_files.py | test_a_structure_set_without_preamble_is_read
directory of a medium under another name         | imaging/test_hostile_files.py | test_a_directory_of_a_medium_is_no_object_whatever_its_name
slices at uneven distances                       | imaging/test_uneven.py | test_refused_unless_asked_for_then_what_lies_between
studies without dates                            | imaging/test_dates_table.py | test_a_study_is_dated_by_its_folder_or_its_uid
character set that nobody knows                  | imaging/test_hostile_files.py | test_a_character_set_that_nobody_knows
RTSTRUCT under another patient                   | imaging/test_purpose.py | test_contours_under_another_patient_id_name_whose_images_they_refer_to
one tree of every damaged file                   | recist/run/test_damaged_tree.py | test_the_healthy_patient_is_complete_and_every_damaged_file_is_named
result with a file gone, emptied or added        | recist/run/test_batch.py | test_a_result_with_a_file_gone_emptied_or_added_is_done_again
broken record of results                         | recist/run/test_batch.py | test_resume_does_again_what_has_a_broken_record
two runs into one folder                         | recist/run/test_batch.py | test_two_runs_do_not_write_into_one_folder
results removed during the run                   | recist/run/test_batch.py | test_results_that_are_removed_during_the_run_are_told
input that changes during the run                | recist/run/test_batch.py | test_input_that_changes_while_it_is_read_is_told
killed at any time                               | recist/run/test_kills.py | test_a_few_kills_change_no_file
formulas in cells                                | recist/table/test_formulas.py | test_what_could_begin_a_formula_does_not
what reaches the terminal                        | recist/cli/test_terminal.py | test_a_printed_text_is_short_and_commands_nothing
folders of patients in errors                    | recist/run/test_batch.py | test_errors_name_no_folder_of_the_input
umask of files                                   | imaging/test_writing.py | test_a_file_is_open_to_whom_the_umask_says
code in bundles                                  | segmentation/foreign/test_networks.py | test_a_bundle_runs_code_only_where_it_is_trusted
"""  # noqa: E501 - a row is a line

ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(("kind", "file", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_a_kind_of_bad_input_has_its_test(kind: str, file: str, test: str) -> None:
    text = (TESTS / file).read_text(encoding="utf-8")
    assert re.search(rf"def {test}\(", text), f"{kind}: no {test} in {file}"
