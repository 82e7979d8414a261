//! Segmentation of an image on its own grid, its volumes, and its scores where there is a label map.

use crate::cases::Cases;
use crate::host::tell;
use crate::model::{Model, legend};
use crate::pool::PooledNetwork;
use crate::protocol::{ClassLine, Event};
use crate::training::Failure;
use burn::tensor::Device;
use hounsfield::infer::{SlidingWindow, check_window, segment_input};
use hounsfield::metric::{CaseScore, LabelPair, score, volumes_ml};
use hounsfield::report::scores::Evaluation;
use hounsfield::report::table::{Cell, Table};
use hounsfield::train::Control;
use hounsfield::transform::check_labels;
use hounsfield::volume::{Affine, Datatype, Header, Volume, encode_nifti_like};

/// A segmentation, kept until the next one.
pub(crate) struct Segmentation {
    /// What files about it are called.
    pub(crate) case: String,
    header: Header,
    /// In the order of a volume.
    labels: Vec<u8>,
    names: Vec<String>,
    score: Option<CaseScore>,
    pub(crate) lines: Vec<ClassLine>,
    /// What is to be said of the scan, and why there are no scores although there is a label map.
    pub(crate) notice: Option<String>,
    /// Workers that computed it besides this one.
    pub(crate) workers: usize,
}

/// Segments an image; stopped, it is an error in plain words. `others` is what is to be said of it besides.
pub(crate) async fn segment(
    cases: &Cases,
    index: usize,
    model: &Model,
    (overlap, mirror): (f64, bool),
    device: &Device,
    control: &Control,
    others: Vec<String>,
) -> Result<Segmentation, Failure> {
    model
        .config
        .check_mirror(mirror)
        .map_err(|e| e.to_string())?;
    check_window(&model.config.segmenter(), device, model.held())?;
    let image = cases.image(index)?;
    let (case, labelled) = (cases.file_name(image), image.label.is_some());
    let read = image.read()?;
    let mut notices = read.doubts();
    let other_scale = model.config.scale_notice(image.lowest, &model.learned());
    notices.extend(other_scale.map(|why| format!("the scan {why}")));
    notices.extend(others);
    let voxel_ml = read.volume.voxel_ml();
    let prepared = model.config.transform().image(read.volume);
    let prepared = prepared.map_err(|e| format!("{}: {e}", image.name))?;
    let windows = SlidingWindow {
        overlap,
        mirror,
        ..SlidingWindow::predicting(model.config.crops.roi_size)
    };
    let network = PooledNetwork::new(&model.network, device).await;
    let mut go_on = |done: usize, of: usize| {
        let what = "segmenting";
        tell(&Event::Progress { what, done, of }, Vec::new());
        control.flow()
    };
    let labels = segment_input(&network, &prepared, &windows, None, &mut go_on).await?;
    drop(prepared);

    let classes = model.classes.len();
    let mut lines = legend(&model.classes);
    let volumes = volumes_ml(&labels, classes, voxel_ml).map_err(|e| e.to_string())?;
    for line in &mut lines {
        line.ml = volumes.get(usize::from(line.label)).copied();
    }
    let mut scored = None;
    if labelled {
        match compared(cases, index, &case, &labels, classes) {
            Ok(score) => {
                for (line, class) in lines.iter_mut().zip(score.classes.iter().skip(1)) {
                    line.dice = class.dice;
                    line.reference_ml = Some(class.reference_ml);
                }
                scored = Some(score);
            }
            Err(why) => notices.push(format!("no Dice: {why}")),
        }
    }
    Ok(Segmentation {
        case,
        header: read.header,
        labels,
        names: model.classes.clone(),
        score: scored,
        lines,
        notice: (!notices.is_empty()).then(|| notices.join("; ")),
        workers: network.workers(),
    })
}

fn compared(
    cases: &Cases,
    index: usize,
    case: &str,
    labels: &[u8],
    classes: usize,
) -> Result<CaseScore, String> {
    let (_, image, label) = cases.labelled(index)?;
    let reference = check_labels(&image.volume, &label, classes).map_err(|e| e.to_string())?;
    let (shape, spacing) = (image.volume.shape(), image.volume.spacing());
    let pair = LabelPair::new(labels, &reference, shape, spacing).map_err(|e| e.to_string())?;
    let pair = pair.with_voxel_ml(image.volume.voxel_ml());
    score(case, &pair, classes, None).map_err(|e| e.to_string())
}

impl Segmentation {
    /// The label map on the grid of its image.
    pub(crate) fn nifti(&self, gzip: bool) -> Result<Vec<u8>, String> {
        let mut values = Vec::new();
        let reserved = values.try_reserve_exact(self.labels.len());
        reserved.map_err(|_| "there is no memory for the label map".to_owned())?;
        values.extend(self.labels.iter().map(|label| f32::from(*label)));
        // The place is the header's.
        let labels = Volume::new(self.header.shape, values, Affine::identity());
        let labels = labels.map_err(|e| e.to_string())?;
        encode_nifti_like(&self.header, &labels, Datatype::U8, gzip).map_err(|e| e.to_string())
    }

    /// The volume of each structure, as CSV.
    pub(crate) fn volumes(&self) -> String {
        let mut table = Table::new(&["case", "label", "structure", "mL"]);
        for line in &self.lines {
            table.push(vec![
                self.case.as_str().into(),
                usize::from(line.label).into(),
                line.name.as_str().into(),
                Cell::number(line.ml, 2),
            ]);
        }
        table.csv()
    }

    /// Mean Dice of the classes that are there.
    pub(crate) fn dice(&self) -> Option<f64> {
        self.score.as_ref().and_then(CaseScore::foreground_dice)
    }

    fn evaluation(&self) -> Result<Evaluation, String> {
        let score = self.score.clone();
        let score = score.ok_or("there are no scores: the image has no label map")?;
        Evaluation::new(self.names.clone(), None, vec![score]).map_err(|e| e.to_string())
    }

    pub(crate) fn csv(&self) -> Result<String, String> {
        Ok(self.evaluation()?.by_case_and_class().csv())
    }

    pub(crate) fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(&self.evaluation()?).map_err(|e| e.to_string())
    }
}
