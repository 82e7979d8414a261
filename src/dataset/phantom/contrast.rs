//! CT numbers of tissues by contrast phase.
//!
//! The table is our choice, close to what radiology texts give for 120 kV: blood 40 HU plain and
//! 150 to 350 HU enhanced, liver 55 plain and about 110 portal venous, kidney cortex above medulla
//! in the arterial phase only.

use super::blend::mix;
use super::draw::Draw;
use super::spec::Phase;

pub(super) const AIR: f32 = -1000.0;
pub(super) const FAT: f32 = -104.0;
pub(super) const SKIN: f32 = 15.0;

/// Mean HU of everything that takes up contrast medium.
#[derive(Debug, Clone)]
pub(super) struct Enhancement {
    pub(super) phase: Phase,
    pub(super) aorta: f32,
    /// Inferior vena cava above the renal veins.
    pub(super) cava: f32,
    /// Inferior vena cava below the renal veins.
    pub(super) cava_low: f32,
    pub(super) portal: f32,
    pub(super) hepatic: f32,
    pub(super) liver: f32,
    pub(super) spleen: f32,
    /// Strength of the spleen's uneven early filling.
    pub(super) spleen_mottle: f32,
    pub(super) pancreas: f32,
    pub(super) cortex: f32,
    pub(super) medulla: f32,
    /// Urine in the renal pelvis.
    pub(super) urine: f32,
    pub(super) adrenal: f32,
    pub(super) muscle: f32,
    pub(super) bowel_wall: f32,
    pub(super) heart: f32,
    pub(super) bile: f32,
}

const PLAIN: [f32; 16] = [
    42.0, 40.0, 40.0, 41.0, 41.0, 56.0, 48.0, 2.0, 40.0, 33.0, 31.0, 6.0, 26.0, 54.0, 36.0, 42.0,
];
const ARTERIAL: [f32; 16] = [
    310.0, 105.0, 48.0, 120.0, 62.0, 70.0, 128.0, 26.0, 104.0, 195.0, 82.0, 8.0, 72.0, 58.0, 72.0,
    240.0,
];
const PORTAL: [f32; 16] = [
    158.0, 148.0, 112.0, 172.0, 166.0, 112.0, 122.0, 4.0, 94.0, 186.0, 165.0, 10.0, 66.0, 64.0,
    84.0, 150.0,
];
const DELAYED: [f32; 16] = [
    106.0, 104.0, 104.0, 108.0, 107.0, 92.0, 94.0, 2.0, 74.0, 140.0, 148.0, 420.0, 48.0, 62.0,
    68.0, 105.0,
];

impl Enhancement {
    pub(super) fn draw(fixed: Option<Phase>, draw: &mut Draw) -> Self {
        // Both draws always happen, so that a fixed phase leaves the rest of the patient unchanged.
        let choice = draw.unit();
        let random = match choice {
            c if c < 0.60 => Phase::Portal,
            c if c < 0.76 => Phase::Arterial,
            c if c < 0.90 => Phase::Plain,
            _ => Phase::Delayed,
        };
        let phase = fixed.unwrap_or(random);
        let target = match phase {
            Phase::Plain => PLAIN,
            Phase::Arterial => ARTERIAL,
            Phase::Portal => PORTAL,
            Phase::Delayed => DELAYED,
        };
        // Iodine dose against body weight: one factor for all tissues, and a little of its own for
        // each.
        let dose = draw.factor(0.10);
        let [
            aorta,
            cava,
            cava_low,
            portal,
            hepatic,
            liver,
            spleen,
            spleen_mottle,
            pancreas,
            cortex,
            medulla,
            urine,
            adrenal,
            muscle,
            bowel_wall,
            heart,
        ] = std::array::from_fn(|n| {
            let own = draw.factor(0.04);
            mix(PLAIN[n], target[n], dose * own)
        });
        let fatty = if draw.chance(0.15) {
            draw.around(22.0, 8.0)
        } else {
            0.0
        };
        Self {
            phase,
            aorta,
            cava,
            cava_low,
            portal,
            hepatic,
            liver: liver - fatty + draw.around(0.0, 4.0),
            spleen: spleen + draw.around(0.0, 3.0),
            spleen_mottle,
            pancreas: pancreas + draw.around(0.0, 4.0),
            cortex,
            medulla,
            urine,
            adrenal,
            muscle: muscle + draw.around(0.0, 3.0),
            bowel_wall,
            heart,
            bile: draw.around(9.0, 4.0),
        }
    }
}
