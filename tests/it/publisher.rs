//! An agent that commits, pushes and opens the pull request itself, through the built program.

use patchrelay_testkit::agent::Step;

use crate::{
    linked::begin,
    world::{REPO, World, changes},
};

const PUBLISH: &str = "git add --all && git commit --quiet --message Work && git push --quiet";

fn write(path: &str) -> Step {
    Step::Write { path: path.to_owned(), content: "two\n".to_owned() }
}

/// A world whose agent publishes, with a delegated ticket. The last step of each turn waits for the gate.
async fn world(turns: Vec<Vec<Step>>) -> (World, String) {
    let mut world = World::new(&changes(Vec::new())).await;
    world.configure("[delivery]\npublisher = \"agent\"\n");
    let gate = world.path("gate");
    let turns = turns.into_iter().map(|mut steps| {
        if steps.contains(&Step::Run(PUBLISH.to_owned())) {
            steps.push(Step::WaitFor(gate.clone()));
        }
        steps
    });
    world.follow(&changes(turns.collect()));
    world.serve().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_eq!(world.linear.delegate(&ticket.key).await.status, 200);
    (world, ticket.key)
}

/// Opens the pull request of the branch that the agent pushes, and lets the agent go on.
pub(crate) async fn opens(world: &World, key: &str) -> String {
    let branch = world.issue(key, |issue| issue["branch"].is_string()).await["branch"].clone();
    let branch = branch.as_str().unwrap();
    let remote = world.github.remote_path(REPO).await.unwrap().join("refs/heads").join(branch);
    world.until("the agent has pushed", || remote.exists()).await;
    begin(world, branch).await;
    std::fs::write(world.path("gate"), "").unwrap();
    branch.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_published_by_itself_counts_once_all_of_it_is_there() {
    let publish = || Step::Run(PUBLISH.to_owned());
    let (mut world, key) =
        world(vec![vec![write("a.txt")], vec![publish(), Step::Say("done".to_owned())]]).await;
    let branch = opens(&world, &key).await;
    let pull_request = world.pull_request(&key).await;
    let issue = world.issue(&key, |issue| issue["state"] == "pr_open").await;
    assert_eq!(
        (&issue["latest_run"]["outcome"], &issue["attempts"]["continuations"]),
        (&"published".into(), &1.into()),
        "{issue:#}"
    );
    let commit = world.github.commits(REPO, &branch).await.unwrap().remove(0);
    assert_eq!(
        (&commit.sha, commit.author.as_str()),
        (&pull_request.head, "PatchRelay <patchrelay@localhost>")
    );
    assert_eq!(world.github.pull_requests(REPO).await.unwrap().len(), 1);

    // What is asked for afterwards is pushed to the same pull request.
    world.follow(&changes(vec![vec![write("b.txt"), publish()]]));
    assert!(world.linear.prompt(&key, "And b.txt, please.").send().await);
    world
        .issue(&key, |issue| {
            issue["pr"]["head_sha"] != *pull_request.head && issue["active_run"].is_null()
        })
        .await;
    let commit = world.github.commits(REPO, &branch).await.unwrap().remove(0);
    assert_eq!(commit.parents, [pull_request.head]);
    world.stop().await;
}

/// It is on the forge already, so nothing can be held back; a human has to know (S25).
#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_published_against_the_gate_is_asked_about() {
    let (mut world, key) =
        world(vec![vec![write(".github/workflows/ci.yml"), Step::Run(PUBLISH.to_owned())]]).await;
    opens(&world, &key).await;
    let issue = world.issue(&key, |issue| issue["state"] == "awaiting_input").await;
    assert!(
        issue["status_note"].as_str().unwrap().contains(".github/workflows/ci.yml"),
        "{issue:#}"
    );
    world.stop().await;
}
