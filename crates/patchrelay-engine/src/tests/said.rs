//! What is kept of what was said in a run, and what is counted.

use std::sync::Arc;

use patchrelay_domain::{RunType, SecretPatterns};
use patchrelay_ports::{RunText, RunTextKind};

use super::sim::{Act, Fault, Turn, World};

fn of(texts: &[RunText], kind: RunTextKind) -> Vec<&str> {
    texts.iter().filter(|text| text.kind == kind).map(|text| text.text.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_said_in_a_run_is_kept() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let run = world.runs().await[0].id.clone();
    let texts = world.texts(&run).await;
    let prompts = of(&texts, RunTextKind::Prompt);
    assert_eq!(prompts.len(), 2, "the work and the report: {prompts:#?}");
    assert!(prompts[0].contains("APP-1"), "{}", prompts[0]);
    assert_eq!(of(&texts, RunTextKind::Event), ["wrote src/lib.rs"]);
    let reports = of(&texts, RunTextKind::Report);
    assert!(reports[0].contains("Added a greeting."), "{reports:?}");
    let order: Vec<_> = texts.iter().map(|text| text.kind).collect();
    let (prompt, event, report) = (RunTextKind::Prompt, RunTextKind::Event, RunTextKind::Report);
    assert_eq!(order, [prompt, event, prompt, report]);
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_does_can_be_seen_while_it_does_it() {
    let mut turn = Turn::work();
    turn.acts.push_front((std::time::Duration::from_secs(60), Act::Says));
    turn.acts.push_front((std::time::Duration::from_secs(1), Act::Says));
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world
        .until("it is seen", async || {
            let runs = world.runs().await;
            let Some(run) = runs.first() else { return false };
            run.outcome.is_none() && of(&world.texts(&run.id).await, RunTextKind::Event) == ["hm"]
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn no_more_is_kept_of_a_run_than_anybody_reads() {
    let mut turn = Turn::work();
    for _ in 0..1_200 {
        turn.acts.push_front((std::time::Duration::from_millis(10), Act::Says));
    }
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world.assert_published_once().await;
    let texts = world.texts(&world.runs().await[0].id).await;
    assert_eq!(of(&texts, RunTextKind::Event).len(), 900);
    assert_eq!(of(&texts, RunTextKind::Report).len(), 1, "reports are few, and kept");
}

#[tokio::test(start_paused = true)]
async fn a_secret_in_what_was_said_is_withheld() {
    let mut world = World::with_delegated_ticket().await;
    world.settings.secrets =
        Arc::new(SecretPatterns::new([("TOKEN", "src/lib.rs")]).expect("it is one"));
    world.start();
    world.until_ended(1).await;
    let texts = world.texts(&world.runs().await[0].id).await;
    assert_eq!(of(&texts, RunTextKind::Event), ["(withheld: it contains a secret)"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_words_cannot_be_kept_goes_on() {
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().faults.last(&["store.keep_texts"], Fault::Unanswered);
    world.start();
    world.assert_published_once().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_counted() {
    let mut turn = Turn::work();
    turn.acts.push_front((std::time::Duration::from_secs(1), Act::Spends(700)));
    let mut world = World::with_delegated_ticket().await;
    world.sim.state().agents.work.push_back(turn);
    world.start();
    world.assert_published_once().await;
    let done = world.work_done();
    assert_eq!(done.runs, [(RunType::Implementation, "published", 1)]);
    assert!(700 <= done.tokens, "{done:?}");
    let sent: u64 =
        done.reports.iter().filter(|(ending, _)| *ending == "sent").map(|(_, n)| n).sum();
    assert!(3 <= sent, "{done:?}");
    assert_eq!((done.conflicts, done.store_retries), (0, 0));
}
