use std::path::{Path, PathBuf};

use apollo_compiler::{
    ExecutableDocument, Name, Schema,
    executable::{Field, Selection, SelectionSet},
    schema::{Component, ExtendedType, FieldDefinition, InputValueDefinition},
    validation::Valid,
};
use graphql_client::GraphQLQuery;
use serde_json::json;

use super::*;

/// What an operation may cost by Linear's rule, in tenths of a point. A query may cost 10 000 points, an app about
/// 200 000 an hour.
const CEILINGS: [(&str, u64); 12] = [
    ("viewer.graphql", 30),
    ("issue_by_id.graphql", 1_700),
    // Of the few tickets that have more.
    ("issue_more.graphql", 3_000),
    // Once in some minutes.
    ("open_issues.graphql", 1_300),
    ("team_workflow.graphql", 1_500),
    ("issue_update.graphql", 20),
    ("agent_activity_create.graphql", 20),
    ("agent_activity_by_id.graphql", 30),
    ("agent_session_update.graphql", 20),
    ("comment_by_id.graphql", 20),
    ("comment_create.graphql", 20),
    ("comment_update.graphql", 20),
];

fn crate_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn trimmed() -> Valid<Schema> {
    let path = crate_path("graphql/schema.graphql");
    Schema::parse_and_validate(read(&path), &path).unwrap()
}

#[test]
fn every_operation_is_valid_and_stays_below_its_ceiling() {
    let schema = trimmed();
    for (file, ceiling) in CEILINGS {
        let path = crate_path("graphql/operations").join(file);
        let document = ExecutableDocument::parse_and_validate(&schema, read(&path), &path).unwrap();
        let [operation] = &document.operations.iter().collect::<Vec<_>>()[..] else {
            panic!("{file}: the whole file is sent, so it holds one operation")
        };
        let cost = cost(&document, &operation.selection_set);
        assert!(cost <= ceiling, "{file} costs {cost} tenths of a point");
    }
}

#[test]
fn every_file_has_a_ceiling() {
    let mut files: Vec<String> = std::fs::read_dir(crate_path("graphql/operations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut known = CEILINGS.map(|(file, _)| file);
    known.sort_unstable();
    assert_eq!(files, known);
}

#[test]
fn the_cost_is_counted_as_linear_does() {
    let schema = "type Query { list(first: Int): ThingConnection! } type ThingConnection { nodes: [Thing!]! } \
                  type Thing { name: String! owner: Thing }";
    let schema = Schema::parse_and_validate(schema, "s").unwrap();
    let cost_of = |query: &str| {
        let document = ExecutableDocument::parse_and_validate(&schema, query, "q").unwrap();
        cost(&document, &document.operations.anonymous.as_ref().unwrap().selection_set)
    };
    assert_eq!(cost_of("{ list(first: 3) { nodes { name } } }"), 3 * 11);
    assert_eq!(
        cost_of("{ list { nodes { owner { ...F } } } } fragment F on Thing { name }"),
        50 * 21
    );
}

/// In tenths of a point: a property is a tenth, an object is one, and the nodes of a connection count as often as there
/// may be some, which is 50 times when nobody says.
fn cost(document: &ExecutableDocument, selections: &SelectionSet) -> u64 {
    cost_in(document, selections, 1)
}

/// The same inside of a connection that may have this many nodes.
fn cost_in(document: &ExecutableDocument, selections: &SelectionSet, nodes: u64) -> u64 {
    let of_field = |field: &Field| {
        let inner = &field.selection_set;
        if inner.selections.is_empty() {
            1
        } else if field.ty().inner_named_type().ends_with("Connection") {
            let first = field.specified_argument_by_name("first").and_then(|first| first.to_i32());
            cost_in(document, inner, first.map_or(50, |first| u64::try_from(first).unwrap()))
        } else {
            let times = if field.name == "nodes" { nodes } else { 1 };
            times * (10 + cost(document, inner))
        }
    };
    let of_selection = |selection: &Selection| match selection {
        Selection::Field(field) => of_field(field),
        Selection::FragmentSpread(spread) => {
            cost_in(document, &spread.fragment_def(document).unwrap().selection_set, nodes)
        }
        Selection::InlineFragment(fragment) => cost_in(document, &fragment.selection_set, nodes),
    };
    selections.selections.iter().map(of_selection).sum()
}

#[test]
fn an_unset_input_field_is_not_sent() {
    let input = agent_activity_create::AgentActivityCreateInput {
        id: None,
        agent_session_id: "session".to_owned(),
        content: json!({ "type": "thought", "body": "Hm." }),
        ephemeral: None,
    };
    let sent = json!(AgentActivityCreate::build_query(agent_activity_create::Variables { input }));
    let expected =
        json!({ "agentSessionId": "session", "content": { "type": "thought", "body": "Hm." } });
    assert_eq!(sent["variables"]["input"], expected);
    let input = issue_update::IssueUpdateInput { state_id: None };
    let sent =
        json!(IssueUpdate::build_query(issue_update::Variables { id: "id".to_owned(), input }));
    assert_eq!(sent["variables"]["input"], json!({}));
}

#[test]
#[ignore = "needs ../shared/linear/schema.graphql"]
fn the_schema_is_an_honest_part_of_linears() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a newer schema than the usual one is named by the environment"
    )]
    let path = std::env::var_os("LINEAR_SCHEMA")
        .map_or_else(|| crate_path("../../../shared/linear/schema.graphql"), PathBuf::from);
    let full = Schema::parse(read(&path), &path).unwrap();
    assert_eq!(differences(&trimmed(), &full), Vec::<String>::new());
}

#[test]
fn every_way_to_differ_from_the_full_schema_is_found() {
    const FULL: &str = "type Query { thing(id: String!, deep: Boolean): Thing! } \
        type Thing { id: ID! kind: Kind names: [String!] owner: Owner } \
        enum Kind { small large } type Cat { id: ID! } type Dog { id: ID! } union Owner = Cat | Dog \
        input Change { id: String! note: String } type Mutation { change(input: Change!): Thing }";
    let parse = |sdl: &str| Schema::parse_and_validate(sdl, "s").unwrap();
    let full = parse(FULL);
    let part = "type Query { thing(id: String!): Thing! } type Thing { id: ID! } ";
    assert_eq!(differences(&parse(part), &full), Vec::<String>::new());
    assert_eq!(differences(&full, &full), Vec::<String>::new());

    for (from, to, expected) in [
        (
            "thing(id: String!, deep: Boolean)",
            "thing(id: String!, deep: Int)",
            "Query.thing(deep): Int is Boolean",
        ),
        (
            "thing(id: String!, deep: Boolean)",
            "thing(id: String, deep: Boolean)",
            "Query.thing(id): String is String!",
        ),
        (
            "thing(id: String!, deep: Boolean)",
            "thing(id: String!, wide: Boolean)",
            "Query.thing(wide) is gone",
        ),
        (
            "thing(id: String!, deep: Boolean)",
            "thing(deep: Boolean)",
            "Query.thing(id) is required and missing",
        ),
        ("type Thing { id: ID!", "type Thing { id: ID", "Thing.id: ID is ID!"),
        ("names: [String!]", "names: [String!]!", "Thing.names: [String!]! is [String!]"),
        ("type Thing { id: ID!", "type Thing { id: ID! age: Int", "Thing.age is gone"),
        ("enum Kind { small", "enum Kind { tiny small", "Kind.tiny is gone"),
        ("type Cat { id: ID! }", "type Cat { id: ID! } type Cow { id: ID! }", "Cow is gone"),
        ("Owner = Cat | Dog", "Owner = Cat | Dog | Thing", "Owner lost Thing"),
        ("enum Kind { small large }", "scalar Kind", "Kind is of another kind"),
        ("note: String }", "note: Int }", "Change.note: Int is String"),
        ("Change { id: String! note", "Change { note", "Change.id is required and missing"),
    ] {
        let mutated = FULL.replace(from, to);
        assert_ne!(mutated, FULL, "{from}");
        assert_eq!(differences(&parse(&mutated), &full), [expected]);
    }
}

/// What a schema says that the full one does not, and what the full one demands that it leaves out. New enum values
/// and union members of the full one are no difference: we read both leniently.
fn differences(part: &Schema, full: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for (name, ours) in part.types.iter().filter(|(_, ours)| !ours.is_built_in()) {
        let Some(theirs) = full.types.get(name) else {
            found.push(format!("{name} is gone"));
            continue;
        };
        match (ours, theirs) {
            (ExtendedType::Scalar(_), ExtendedType::Scalar(_)) => {}
            (ExtendedType::Object(ours), ExtendedType::Object(theirs)) => {
                for (field, ours) in &ours.fields {
                    fields_differ(
                        &mut found,
                        &format!("{name}.{field}"),
                        ours,
                        theirs.fields.get(field),
                    );
                }
            }
            (ExtendedType::Interface(ours), ExtendedType::Interface(theirs)) => {
                for (field, ours) in &ours.fields {
                    fields_differ(
                        &mut found,
                        &format!("{name}.{field}"),
                        ours,
                        theirs.fields.get(field),
                    );
                }
            }
            (ExtendedType::Union(ours), ExtendedType::Union(theirs)) => {
                let lost = ours.members.iter().filter(|member| !theirs.members.contains(*member));
                found.extend(lost.map(|member| format!("{name} lost {member}")));
            }
            (ExtendedType::Enum(ours), ExtendedType::Enum(theirs)) => {
                let gone = ours.values.keys().filter(|value| !theirs.values.contains_key(*value));
                found.extend(gone.map(|value| format!("{name}.{value} is gone")));
            }
            (ExtendedType::InputObject(ours), ExtendedType::InputObject(theirs)) => {
                let their = |field: &Name| theirs.fields.get(field).map(|theirs| &***theirs);
                for (field, ours) in &ours.fields {
                    inputs_differ(&mut found, &format!("{name}.{field}"), ours, their(field));
                }
                let missing = theirs
                    .fields
                    .values()
                    .filter(|input| input.is_required() && !ours.fields.contains_key(&input.name));
                found.extend(
                    missing.map(|input| format!("{name}.{} is required and missing", input.name)),
                );
            }
            _ => found.push(format!("{name} is of another kind")),
        }
    }
    found
}

fn fields_differ(
    found: &mut Vec<String>,
    path: &str,
    ours: &FieldDefinition,
    theirs: Option<&Component<FieldDefinition>>,
) {
    let Some(theirs) = theirs else { return found.push(format!("{path} is gone")) };
    if ours.ty != theirs.ty {
        found.push(format!("{path}: {} is {}", ours.ty, theirs.ty));
    }
    for argument in &ours.arguments {
        let theirs = theirs.arguments.iter().find(|theirs| theirs.name == argument.name);
        inputs_differ(
            found,
            &format!("{path}({})", argument.name),
            argument,
            theirs.map(|theirs| &**theirs),
        );
    }
    let is_ours = |name: &Name| ours.arguments.iter().any(|ours| ours.name == *name);
    let missing =
        theirs.arguments.iter().filter(|theirs| theirs.is_required() && !is_ours(&theirs.name));
    found.extend(
        missing.map(|argument| format!("{path}({}) is required and missing", argument.name)),
    );
}

fn inputs_differ(
    found: &mut Vec<String>,
    path: &str,
    ours: &InputValueDefinition,
    theirs: Option<&InputValueDefinition>,
) {
    match theirs {
        None => found.push(format!("{path} is gone")),
        Some(theirs) if ours.ty != theirs.ty => {
            found.push(format!("{path}: {} is {}", ours.ty, theirs.ty));
        }
        Some(_) => {}
    }
}
