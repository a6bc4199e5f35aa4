//! Whether the cause of dead letters is gone, as it is shown over HTTP and at the command line.

use rolecall_core::recheck::Finding;
use rolecall_jobs::kernel::recheck::Checked;
use serde::Serialize;
use utoipa::ToSchema;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckView {
    /// The cause.
    fingerprint: String,
    /// Whether it is gone everywhere that was looked at.
    gone: bool,
    /// Guild by guild, those with the most jobs first, at most 10.
    places: Vec<PlaceView>,
}

/// What was found about one guild.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceView {
    /// The guild; null: jobs that are about none.
    guild_id: Option<String>,
    /// How many dead letters of the cause it has.
    total: u64,
    /// Whether the cause is gone here.
    gone: bool,
    /// Everything that was looked at.
    findings: Vec<FindingView>,
    /// A body for `POST /v1/bulk` that runs these jobs again; null while the cause is there.
    redrive: Option<RedriveOffer>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingView {
    /// `gone`, `still_there` or `unknown`.
    result: String,
    /// How it is now, in a sentence.
    message: String,
    /// What to do about it.
    remedy: Option<String>,
}

/// A body for `POST /v1/bulk`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedriveOffer {
    /// `retry`.
    action: String,
    /// Which jobs.
    query: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            result: finding.as_str().to_owned(),
            message: finding.now().to_owned(),
            remedy: finding.remedy().map(ToOwned::to_owned),
        }
    }
}

impl PlaceView {
    fn of(place: &Checked, fingerprint: &str) -> Self {
        Self {
            guild_id: place.guild_id.map(|id| id.to_string()),
            total: place.jobs,
            gone: place.is_gone(),
            findings: place.findings.iter().map(FindingView::from).collect(),
            redrive: place.is_gone().then(|| RedriveOffer {
                action: "retry".to_owned(),
                query: place.query(fingerprint),
            }),
        }
    }
}

impl CheckView {
    /// Of what was found about this cause.
    pub(crate) fn of(found: &[Checked], fingerprint: String) -> Self {
        Self {
            gone: found.iter().all(Checked::is_gone),
            places: found
                .iter()
                .map(|place| PlaceView::of(place, &fingerprint))
                .collect(),
            fingerprint,
        }
    }
}
