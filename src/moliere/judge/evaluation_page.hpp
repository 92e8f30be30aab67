// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/judge/evaluation.hpp"
#include "moliere/page/page.hpp"

namespace moliere::judge {

/// All figures and pictures of an evaluation: summary, every histogram with its ratio, profiles,
/// mean showers and events as polar maps, correlations, ROC curves, provenance.
page::Page evaluation_page(const Evaluation& evaluation, const calo::Geometry& geometry);

}  // namespace moliere::judge
