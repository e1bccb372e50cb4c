//! What operators order of a ticket.

use patchrelay_domain::{Interruption, IssueId, Order, OrderRefusal, RunOutcome, TreeId};
use patchrelay_ports::{OperatorOrder, OrderError};

use super::sim::{Act, Fault, Turn, World, issue};

fn by_olga(order: Order) -> OperatorOrder {
    OperatorOrder { by: "Olga".to_owned(), reason: None, order }
}

#[tokio::test(start_paused = true)]
async fn an_order_to_stop_ends_the_run_and_is_told() {
    let mut world = World::with_delegated_ticket().await;
    let first = Act::Writes { path: "first", content: "one" };
    world.sim.state().agents.work.push_back(Turn::of([(5, first), (5_000, Act::Says)]));
    world.start();
    world.until_written().await;
    let facts = world.orders().give(&issue(), by_olga(Order::Stop)).await.unwrap();
    assert!(facts.stopped().is_some());
    world.until_ended(1).await;
    world.until_quiet().await;
    let stopped = RunOutcome::Interrupted { by: Interruption::Stopped };
    assert_eq!(world.runs().await[0].outcome, Some(stopped));
    assert_eq!(world.sim.state().tickets.count("response: Stopped."), 1);
    world.assert_nothing_published();
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_carried_out_changes_nothing() {
    let world = World::at_work().await;
    world.assert_published_once().await;
    let before = world.facts().await;
    let asked = TreeId::new("1".repeat(40));
    let orders = world.orders();
    let refused = orders.give(&issue(), by_olga(Order::Approve { tree: Some(asked) })).await;
    assert!(matches!(refused, Err(OrderError::Refused(OrderRefusal::NothingHeld))), "{refused:?}");
    let unknown = IssueId::new("acme", "nobody");
    let refused = orders.give(&unknown, by_olga(Order::Stop)).await;
    assert!(matches!(refused, Err(OrderError::UnknownIssue)), "{refused:?}");
    assert_eq!(world.facts().await, before);
    world.sim.state().faults.last(&["store.observe"], Fault::Unanswered);
    let lost = orders.give(&issue(), by_olga(Order::Stop)).await;
    assert!(matches!(lost, Err(OrderError::Store(_))), "{lost:?}");
    world.sim.state().faults.heal();
}
