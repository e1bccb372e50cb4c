//! The GraphQL operations, as generated types. They do not leave this crate.

use graphql_client::GraphQLQuery;

/// An RFC 3339 time, parsed where it is used.
type DateTime = String;

/// An object that the schema says nothing about.
type JSONObject = serde_json::Value;

/// Declares an operation of `graphql/operations` under its own name.
///
/// Without `skip_serializing_none`, an unset field of an input object goes out as `null`, and Linear takes that as
/// "clear this". `fragments_other_variant` lets an answer hold union members that the schema does not know yet; written
/// in any other way, it is silently ignored.
#[rustfmt::skip] // It moves the attribute further to the right each time.
macro_rules! operation {
    ($name:ident, $file:tt) => {
        #[derive(GraphQLQuery)]
        #[graphql(
            schema_path = "graphql/schema.graphql",
            query_path = $file,
            response_derives = "Debug",
            skip_serializing_none,
            fragments_other_variant = "true"
        )]
        pub(crate) struct $name;
    };
}

operation!(Viewer, "graphql/operations/viewer.graphql");
operation!(IssueById, "graphql/operations/issue_by_id.graphql");
operation!(TeamWorkflow, "graphql/operations/team_workflow.graphql");
operation!(IssueMore, "graphql/operations/issue_more.graphql");
operation!(OpenIssues, "graphql/operations/open_issues.graphql");
operation!(IssueUpdate, "graphql/operations/issue_update.graphql");
operation!(AgentActivityCreate, "graphql/operations/agent_activity_create.graphql");
operation!(AgentActivityById, "graphql/operations/agent_activity_by_id.graphql");
operation!(AgentSessionUpdate, "graphql/operations/agent_session_update.graphql");
operation!(CommentById, "graphql/operations/comment_by_id.graphql");
operation!(CommentCreate, "graphql/operations/comment_create.graphql");
operation!(CommentUpdate, "graphql/operations/comment_update.graphql");

#[cfg(test)]
mod tests;
