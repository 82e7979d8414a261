//! The order in which the organs are drawn: later ones press into earlier ones.

use super::draw::Draw;
use super::part::Part;
use super::patient::Patient;
use super::plan::Plan;
use super::spine::Spine;
use super::torso::Torso;
use super::{bowel, heart_spleen, liver, muscles, upper_gut, urinary, vessels};

pub(super) struct Anatomy {
    pub(super) torso: Torso,
    pub(super) spine: Spine,
    pub(super) parts: Vec<Part>,
}

impl Anatomy {
    pub(super) fn draw(patient: &Patient, draw: &mut Draw) -> Self {
        let torso = Torso::draw(patient, draw);
        let spine = Spine::draw(patient, draw);
        let mut plan = Plan {
            patient,
            torso: &torso,
            draw,
        };
        let mut parts = Vec::new();
        bowel::small_bowel(&mut plan, &mut parts);
        bowel::colon(&mut plan, &mut parts);
        heart_spleen::heart(&mut plan, &mut parts);
        liver::liver(&mut plan, &mut parts);
        heart_spleen::spleen(&mut plan, &mut parts);
        upper_gut::esophagus(&mut plan, &mut parts);
        upper_gut::stomach(&mut plan, &mut parts);
        bowel::duodenum(&mut plan, &mut parts);
        upper_gut::gallbladder(&mut plan, &mut parts);
        urinary::kidneys(&mut plan, &mut parts);
        upper_gut::pancreas(&mut plan, &mut parts);
        muscles::muscles(&mut plan, &mut parts);
        urinary::adrenals(&mut plan, &mut parts);
        vessels::vessels(&mut plan, &mut parts);
        Self {
            torso,
            spine,
            parts,
        }
    }
}
