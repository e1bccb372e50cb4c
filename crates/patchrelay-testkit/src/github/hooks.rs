//! Sending webhooks in order, each once, as GitHub does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::{DeliveryAnswer, WebhookTarget};

/// A webhook that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeDelivery {
    /// Its id, which a redelivery repeats.
    pub id: String,
    /// Its event type.
    pub event: String,
    /// Its action, or nothing.
    pub action: String,
    /// Its body.
    pub body: Vec<u8>,
    /// What the receiver said.
    pub answer: DeliveryAnswer,
}

/// The queue of webhooks. What is queued when it is dropped is not sent.
#[derive(Debug)]
pub(super) struct Hooks {
    queue: mpsc::UnboundedSender<Order>,
    shared: Arc<Shared>,
    _sender: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Order {
    event: String,
    payload: Value,
}

#[derive(Debug)]
struct Shared {
    target: Mutex<Option<WebhookTarget>>,
    sent: Mutex<Vec<FakeDelivery>>,
    /// How many are queued or on their way.
    waiting: watch::Sender<usize>,
}

impl Hooks {
    /// Starts sending to this target. Needs a tokio runtime.
    pub(super) fn start(target: WebhookTarget) -> Self {
        let (queue, mut orders) = mpsc::unbounded_channel::<Order>();
        let shared = Arc::new(Shared {
            target: Mutex::new(Some(target)),
            sent: Mutex::new(Vec::new()),
            waiting: watch::Sender::new(0),
        });
        let sending = Arc::clone(&shared);
        #[expect(
            clippy::disallowed_methods,
            reason = "it is aborted when the fake is dropped, and nothing waits for it"
        )]
        let sender = tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                sending
                    .send(
                        uuid::Uuid::new_v4().to_string(),
                        &order.event,
                        order.payload.to_string().into_bytes(),
                    )
                    .await;
                sending.waiting.send_modify(|waiting| *waiting -= 1);
            }
        });
        Self { queue, shared, _sender: AbortOnDropHandle::new(sender) }
    }

    /// Replaces the target; without one, webhooks get lost.
    pub(super) fn set_target(&self, target: Option<WebhookTarget>) {
        *lock(&self.shared.target) = target;
    }

    /// Puts a webhook at the end of the queue.
    pub(super) fn enqueue(&self, event: &str, payload: Value) {
        self.shared.waiting.send_modify(|waiting| *waiting += 1);
        if self.queue.send(Order { event: event.to_owned(), payload }).is_err() {
            self.shared.waiting.send_modify(|waiting| *waiting -= 1);
        }
    }

    /// Waits until everything that was queued was sent.
    pub(super) async fn settled(&self) {
        let mut waiting = self.shared.waiting.subscribe();
        // The sending half lives in `self`, so the wait cannot fail.
        drop(waiting.wait_for(|waiting| *waiting == 0).await);
    }

    pub(super) fn sent(&self) -> Vec<FakeDelivery> {
        lock(&self.shared.sent).clone()
    }

    /// Sends a body again under its id, past the queue.
    pub(super) async fn redeliver(&self, id: &str) -> Option<DeliveryAnswer> {
        let delivery = self.sent().into_iter().find(|sent| sent.id == id)?;
        Some(self.shared.send(delivery.id, &delivery.event, delivery.body).await)
    }
}

impl Shared {
    async fn send(&self, id: String, event: &str, body: Vec<u8>) -> DeliveryAnswer {
        let target = lock(&self.target).clone();
        let Some(target) = target else {
            return DeliveryAnswer { status: 0, body: "no target".to_owned() };
        };
        let headers = [
            ("x-github-delivery", id.clone()),
            ("x-github-event", event.to_owned()),
            ("x-hub-signature-256", format!("sha256={}", target.sign(&body))),
            ("x-github-hook-id", "1".to_owned()),
            ("user-agent", "GitHub-Hookshot/fake".to_owned()),
        ];
        let answer = target.post(&headers, body.clone()).await;
        tracing::debug!(event, id, status = answer.status, "webhook sent");
        let action = serde_json::from_slice::<Value>(&body)
            .ok()
            .and_then(|payload| Some(payload.get("action")?.as_str()?.to_owned()))
            .unwrap_or_default();
        let sent =
            FakeDelivery { id, event: event.to_owned(), action, body, answer: answer.clone() };
        lock(&self.sent).push(sent);
        answer
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
