//! The REST API.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::get,
};
use patchrelay_domain::RepoSlug;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    FakeGithubError,
    pull::{self, FakePullRequest, Mergeable},
    world::{Invalid, NewPull, PullChange, Repository, World, key, now},
};

/// GitHub's hourly limit of requests.
const REQUESTS_PER_HOUR: u64 = 5_000;

/// The entries on a page: GitHub's default and maximum.
const PAGE_SIZE: usize = 30;
const MAX_PAGE_SIZE: usize = 100;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) world: Arc<World>,
    requests: Arc<AtomicU64>,
}

/// The routes.
pub(super) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/repos/{owner}/{name}", get(repository))
        .route("/repos/{owner}/{name}/pulls", get(list).post(open))
        .route("/repos/{owner}/{name}/pulls/{number}", get(read).patch(change))
        .fallback(async || not_found())
        .with_state(Api { world, requests: Arc::default() })
}

/// An answer that is not the wanted one.
enum Refused {
    NotFound,
    Invalid(Vec<Invalid>),
    BadJson,
    Broken(FakeGithubError),
}

impl From<FakeGithubError> for Refused {
    fn from(error: FakeGithubError) -> Self {
        Self::Broken(error)
    }
}

impl Api {
    /// Checks the credential, then does the work under the fault that is planned for it.
    async fn answer(
        &self,
        operation: &str,
        headers: &HeaderMap,
        work: impl AsyncFnOnce() -> Result<(StatusCode, Value), Refused>,
    ) -> Response {
        let used = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut response = if self.is_authorized(headers) {
            self.world
                .faults
                .apply(operation, async || match work().await {
                    Ok((status, body)) => (status, Json(body)).into_response(),
                    Err(refused) => refused.into_response(),
                })
                .await
        } else {
            error(StatusCode::UNAUTHORIZED, "Bad credentials", &[])
        };
        let numbers = [
            ("x-ratelimit-limit", REQUESTS_PER_HOUR),
            ("x-ratelimit-remaining", REQUESTS_PER_HOUR.saturating_sub(used)),
            ("x-ratelimit-used", used),
            ("x-ratelimit-reset", u64::try_from(now()).unwrap_or(0) + 3_600),
        ];
        for (name, number) in numbers {
            response.headers_mut().insert(name, HeaderValue::from(number));
        }
        response.headers_mut().insert("x-ratelimit-resource", HeaderValue::from_static("core"));
        response
    }

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("token "))
                == Some(self.world.token.as_str())
        })
    }

    /// Works on a repository as it is now, pushes included, while nobody else does.
    async fn with<T>(
        &self,
        slug: &str,
        work: impl AsyncFnOnce(&str, &mut Repository) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let slug: RepoSlug = slug.parse().map_err(|_| Refused::NotFound)?;
        let mut repositories = self.world.lock().await;
        let repository = repositories.get_mut(&key(&slug)).ok_or(Refused::NotFound)?;
        let root = self.world.root();
        self.world.refresh(repository).await?;
        work(root, repository).await
    }
}

async fn repository(
    State(api): State<Api>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let slug = format!("{owner}/{name}");
    api.answer("repository", &headers, async || {
        api.with(&slug, async |root, repository| Ok((StatusCode::OK, repository.shown(root)))).await
    })
    .await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    head: Option<String>,
    base: Option<String>,
    state: Option<String>,
    sort: Option<String>,
    direction: Option<String>,
    per_page: Option<usize>,
    page: Option<usize>,
}

async fn list(
    State(api): State<Api>,
    Path((owner, name)): Path<(String, String)>,
    Query(query): Query<ListQuery>,
    headers: HeaderMap,
) -> Response {
    let slug = format!("{owner}/{name}");
    api.answer("find_pull_request", &headers, async || {
        api.with(&slug, async |root, repository| {
            let shown = repository.shown(root);
            let page: Vec<Value> = query
                .page_of(&repository.pulls)
                .into_iter()
                .map(|pull| pull::summary(root, &repository.slug, &shown, pull))
                .collect();
            Ok((StatusCode::OK, Value::Array(page)))
        })
        .await
    })
    .await
}

impl ListQuery {
    fn page_of<'a>(&self, pulls: &'a [FakePullRequest]) -> Vec<&'a FakePullRequest> {
        let mut found: Vec<_> = pulls.iter().filter(|pull| self.takes(pull)).collect();
        if self.sort.as_deref() == Some("updated") {
            found.sort_by_key(|pull| pull.updated_at);
        }
        let is_by_creation = matches!(self.sort.as_deref(), None | Some("created"));
        match self.direction.as_deref() {
            Some("asc") => {}
            None if !is_by_creation => {}
            Some(_) | None => found.reverse(),
        }
        let size = self.per_page.unwrap_or(PAGE_SIZE).clamp(1, MAX_PAGE_SIZE);
        let skipped = self.page.unwrap_or(1).saturating_sub(1).saturating_mul(size);
        found.into_iter().skip(skipped).take(size).collect()
    }

    fn takes(&self, pull: &FakePullRequest) -> bool {
        let state = self.state.as_deref().unwrap_or("open");
        // GitHub compares the name of the owner only, and ignores a filter without a colon.
        let is_from = self.head.as_deref().and_then(|head| head.split_once(':')).is_none_or(
            |(owner, branch)| {
                let head_owner =
                    pull.head_repository.as_deref().and_then(|name| name.split('/').next());
                branch == pull.head_branch
                    && head_owner.is_none_or(|name| name.eq_ignore_ascii_case(owner))
            },
        );
        let is_into = self.base.as_deref().is_none_or(|base| base == pull.base_branch);
        is_from && is_into && (state == "all" || (state == "open") == pull.is_open())
    }
}

#[derive(Debug, Deserialize)]
struct OpenBody {
    title: Option<String>,
    body: Option<String>,
    head: Option<String>,
    base: Option<String>,
    draft: Option<bool>,
}

async fn open(
    State(api): State<Api>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let slug = format!("{owner}/{name}");
    api.answer("open_pull_request", &headers, async || {
        let new = wanted(&body)?;
        api.with(&slug, async |root, repository| {
            let at = api
                .world
                .open(repository, new)
                .await?
                .map_err(|invalid| Refused::Invalid(vec![invalid]))?;
            single(root, repository, at, StatusCode::CREATED).await
        })
        .await
    })
    .await
}

fn wanted(body: &[u8]) -> Result<NewPull, Refused> {
    let body: OpenBody = serde_json::from_slice(body).map_err(|_| Refused::BadJson)?;
    let missing: Vec<_> = [("title", &body.title), ("head", &body.head), ("base", &body.base)]
        .into_iter()
        .filter(|(_, value)| value.as_ref().is_none_or(|value| value.trim().is_empty()))
        .map(|(name, _)| Invalid::Field(name, "missing_field"))
        .collect();
    match (body.title, body.head, body.base) {
        (Some(title), Some(head), Some(base)) if missing.is_empty() => Ok(NewPull {
            title,
            body: body.body.unwrap_or_default(),
            head,
            base,
            draft: body.draft.unwrap_or(false),
        }),
        (_, _, _) => Err(Refused::Invalid(missing)),
    }
}

async fn read(
    State(api): State<Api>,
    Path((owner, name, number)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let slug = format!("{owner}/{name}");
    api.answer("read_pull_request", &headers, async || {
        api.with(&slug, async |root, repository| {
            let at = position(repository, &number)?;
            single(root, repository, at, StatusCode::OK).await
        })
        .await
    })
    .await
}

#[derive(Debug, Deserialize)]
struct ChangeBody {
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
}

async fn change(
    State(api): State<Api>,
    Path((owner, name, number)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let slug = format!("{owner}/{name}");
    api.answer("update_pull_request", &headers, async || {
        let body: ChangeBody = serde_json::from_slice(&body).map_err(|_| Refused::BadJson)?;
        let open = match body.state.as_deref() {
            None => None,
            Some("open") => Some(true),
            Some("closed") => Some(false),
            Some(_) => return Err(Refused::Invalid(vec![Invalid::Field("state", "invalid")])),
        };
        api.with(&slug, async |root, repository| {
            let at = position(repository, &number)?;
            let change = PullChange { title: body.title, body: body.body, open };
            api.world
                .change(repository, at, change)
                .map_err(|invalid| Refused::Invalid(vec![invalid]))?;
            single(root, repository, at, StatusCode::OK).await
        })
        .await
    })
    .await
}

fn position(repository: &Repository, number: &str) -> Result<usize, Refused> {
    number.parse().ok().and_then(|number| repository.position(number)).ok_or(Refused::NotFound)
}

async fn single(
    root: &str,
    repository: &Repository,
    at: usize,
    status: StatusCode,
) -> Result<(StatusCode, Value), Refused> {
    let pull = &repository.pulls[at];
    // GitHub looks into it after it was opened, and says so only later.
    let mergeable = if status == StatusCode::CREATED {
        Mergeable::Unknown
    } else {
        repository.mergeable(pull).await?
    };
    Ok((status, pull::full(root, &repository.slug, &repository.shown(root), pull, mergeable)))
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => not_found(),
            Self::BadJson => error(StatusCode::BAD_REQUEST, "Problems parsing JSON", &[]),
            Self::Broken(cause) => {
                tracing::warn!(%cause, "the fake is broken");
                error(StatusCode::INTERNAL_SERVER_ERROR, &cause.to_string(), &[])
            }
            Self::Invalid(all) => {
                let errors: Vec<Value> = all
                    .iter()
                    .map(|invalid| match invalid {
                        Invalid::Field(field, code) => {
                            json!({ "resource": "PullRequest", "field": field, "code": code })
                        }
                        Invalid::Custom(message) => {
                            json!({ "resource": "PullRequest", "code": "custom", "message": message })
                        }
                    })
                    .collect();
                error(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed", &errors)
            }
        }
    }
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "Not Found", &[])
}

/// GitHub's shape of an error.
fn error(status: StatusCode, message: &str, errors: &[Value]) -> Response {
    let mut body = json!({
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": status.as_u16().to_string(),
    });
    if !errors.is_empty() {
        body["errors"] = Value::from(errors.to_vec());
    }
    (status, Json(body)).into_response()
}
