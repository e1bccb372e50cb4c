//! Linear: a workspace behind the real GraphQL schema, and signed webhooks about its agent sessions.
//!
//! Operations are validated and executed against the schema of `patchrelay-linear`, so a document that the real service
//! would refuse is refused here too. What is in the workspace is a small model: one team, one human, one app user,
//! tickets, agent sessions with their activities, plan and links, and comments. Nothing is kept beyond the fake's life.

mod delivery;
mod graphql;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::{DeliveryAnswer, Faults, WebhookTarget, server::Listening};

use self::world::{Happened, World};
pub use self::{
    delivery::SignedDelivery,
    world::{FakeActivity, FakeComment, FakeIssue, Speaker},
};

/// What a fake Linear is started with.
#[derive(Clone, Debug)]
pub struct FakeLinearConfig {
    /// Where its webhooks go. [`FakeLinear::send_webhooks_to`] changes it.
    pub webhook: WebhookTarget,
    /// The token of the app. Requests have to carry it as `Bearer`.
    pub token: String,
    /// The loopback port; 0 takes a free one.
    pub port: u16,
}

/// A fake Linear. It ends when this is dropped.
///
/// Methods that take a ticket's key panic when there is no such ticket.
#[derive(Debug)]
pub struct FakeLinear {
    shared: Arc<Shared>,
    webhook: Mutex<WebhookTarget>,
    listening: Listening,
}

/// What somebody wrote into a session. Linear tells of it twice, in no certain order.
#[derive(Clone, Debug)]
pub struct FakePrompt {
    /// The id of the comment that it is too.
    pub comment_id: String,
    /// The webhook about the session.
    pub prompt: SignedDelivery,
    /// The webhook about the comment.
    pub comment: SignedDelivery,
}

impl FakePrompt {
    /// Posts both, and tells whether both were taken.
    pub async fn send(&self) -> bool {
        [self.prompt.send().await, self.comment.send().await]
            .iter()
            .all(|answer| answer.status == 200)
    }
}

/// What the listener and the handle both have.
#[derive(Debug)]
struct Shared {
    token: String,
    faults: Faults,
    world: Mutex<World>,
    calls: Mutex<Vec<String>>,
}

impl FakeLinear {
    /// Starts a workspace without tickets.
    pub async fn start(config: FakeLinearConfig) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            token: config.token,
            faults: Faults::default(),
            world: Mutex::new(World::new()),
            calls: Mutex::default(),
        });
        let listening =
            crate::server::listen(graphql::router(Arc::clone(&shared)), config.port).await?;
        Ok(Self { shared, webhook: Mutex::new(config.webhook), listening })
    }

    /// The address of its GraphQL endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.listening.address)
    }

    /// Failures on order, by the name of the operation, such as `AgentActivityCreate`. `Fault::Before(429)` answers as
    /// Linear limits requests: with status 400, the code `RATELIMITED` and a spent budget in the headers.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// How many requests for this operation came, failed ones included.
    pub fn calls(&self, operation: &str) -> usize {
        lock(&self.shared.calls).iter().filter(|name| *name == operation).count()
    }

    /// Sends the webhooks from now on to here.
    pub fn send_webhooks_to(&self, target: WebhookTarget) {
        *lock(&self.webhook) = target;
    }

    /// The id of the workspace.
    pub fn workspace(&self) -> String {
        self.world().organization.clone()
    }

    /// The id of the app user.
    pub fn app_user(&self) -> String {
        self.world().app_user.clone()
    }

    /// The id of the human who writes and delegates the tickets.
    pub fn human(&self) -> String {
        self.world().human.clone()
    }

    /// The human writes a ticket. It is in the state `Todo`.
    pub fn create_issue(&self, title: &str, description: &str) -> FakeIssue {
        self.world().create_issue(title, description)
    }

    /// A ticket as it is now.
    pub fn issue(&self, key: &str) -> FakeIssue {
        self.world().issue(key)
    }

    /// The human moves a ticket to the state of this name: `Backlog`, `Todo`, `In Progress`, `Done` or `Canceled`.
    pub fn move_issue(&self, key: &str, state: &str) {
        self.world().move_issue(key, state);
    }

    /// The human gives a ticket one more label.
    pub fn label_issue(&self, key: &str, label: &str) {
        self.world().label_issue(key, label);
    }

    /// The human attaches an address to a ticket.
    pub fn attach(&self, key: &str, url: &str) {
        self.world().attach(key, url);
    }

    /// The human lets one ticket wait for another, which blocks it.
    pub fn block(&self, key: &str, blocker: &str) {
        self.world().block(key, blocker);
    }

    /// The human delegates a ticket to the app: a new agent session opens on it, and the webhook about it is sent.
    pub async fn delegate(&self, key: &str) -> DeliveryAnswer {
        self.open_session(key).send().await
    }

    /// The same without sending the webhook.
    pub fn open_session(&self, key: &str) -> SignedDelivery {
        let mut world = self.world();
        let session = world.open_session(key);
        self.sign(&mut world, &session)
    }

    /// A new delivery about the newest agent session of a ticket, signed and not sent. A ticket without a session is
    /// delegated first. A test can tamper with it, let it age, and send it as often as it likes.
    pub fn delivery(&self, key: &str) -> SignedDelivery {
        let mut world = self.world();
        let session = world.newest_session(key).unwrap_or_else(|| world.open_session(key));
        self.sign(&mut world, &session)
    }

    /// The human takes a ticket back. Its sessions stay.
    pub fn undelegate(&self, key: &str) {
        self.world().undelegate(key);
    }

    /// The human deletes the sessions of a ticket.
    pub fn delete_sessions(&self, key: &str) {
        self.world().delete_sessions(key);
    }

    /// The plan in the newest session of a ticket: what is done in each step, and how far that is.
    pub fn plan(&self, key: &str) -> Vec<(String, String)> {
        self.world().plan(key)
    }

    /// The links in the newest session of a ticket: label and address.
    pub fn links(&self, key: &str) -> Vec<(String, String)> {
        self.world().links(key)
    }

    /// The app's comments on a ticket, oldest first.
    pub fn comments(&self, key: &str) -> Vec<FakeComment> {
        self.world().comments(key)
    }

    /// What was written into the agent sessions of a ticket, oldest first.
    pub fn activities(&self, key: &str) -> Vec<FakeActivity> {
        self.world().activities(key)
    }

    /// The human writes into the newest session of a ticket. Linear tells of it as a prompt and as a comment.
    pub fn prompt(&self, key: &str, text: &str) -> FakePrompt {
        self.prompt_as(key, Speaker::Human, text)
    }

    /// The same by somebody else.
    pub fn prompt_as(&self, key: &str, by: Speaker, text: &str) -> FakePrompt {
        let mut world = self.world();
        let thread = world.thread(key);
        let id = world.say(key, Some(&thread), by, text);
        let prompt = world.prompted(key, by, Some(&id));
        let comment = world.comment_told(&id, Happened::Created, None);
        FakePrompt { comment_id: id, prompt: self.signed(prompt), comment: self.signed(comment) }
    }

    /// The human gives the sign to stop in the newest session of a ticket.
    pub fn stop(&self, key: &str) -> SignedDelivery {
        let told = self.world().prompted(key, Speaker::Human, None);
        self.signed(told)
    }

    /// Somebody comments on a ticket, outside of every session. Tells the comment's id with the webhook.
    pub fn comment(&self, key: &str, by: Speaker, text: &str) -> (String, SignedDelivery) {
        let mut world = self.world();
        let id = world.say(key, None, by, text);
        let told = world.comment_told(&id, Happened::Created, None);
        (id, self.signed(told))
    }

    /// The author of a comment or a prompt gives it other words.
    pub fn edit_comment(&self, comment: &str, text: &str) -> SignedDelivery {
        let mut world = self.world();
        let before = world.edit(comment, text);
        let told = world.comment_told(comment, Happened::Edited, Some(&before));
        self.signed(told)
    }

    /// The author of a comment removes it.
    pub fn remove_comment(&self, comment: &str) -> SignedDelivery {
        let told = self.world().comment_told(comment, Happened::Removed, None);
        self.signed(told)
    }

    /// The human mentions the app in a comment, which opens a session below it and delegates nothing. The prompt is the
    /// session.
    pub fn mention(&self, key: &str, text: &str) -> FakePrompt {
        let mut world = self.world();
        let id = world.say(key, None, Speaker::Human, text);
        let session = world.open_session_below(key, &id);
        let comment = world.comment_told(&id, Happened::Created, None);
        let prompt = self.sign(&mut world, &session);
        FakePrompt { comment_id: id, prompt, comment: self.signed(comment) }
    }

    /// The webhooks about the comments that the app's own words became.
    pub fn echoes(&self, key: &str) -> Vec<SignedDelivery> {
        let told = self.world().echoes(key);
        told.into_iter().map(|body| self.signed(body)).collect()
    }

    fn sign(&self, world: &mut World, session: &str) -> SignedDelivery {
        self.signed(world.session_created(session))
    }

    fn signed(&self, body: Value) -> SignedDelivery {
        SignedDelivery::new(body, lock(&self.webhook).clone())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.shared.world)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
