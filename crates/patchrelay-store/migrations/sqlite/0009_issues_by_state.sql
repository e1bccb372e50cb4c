-- How many issues are in each state is counted without looking at them.
CREATE INDEX issues_by_state ON issues (project_id, state);
