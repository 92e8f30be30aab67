// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/zoo/zoo.hpp"

/// One function a family of models; which member is meant follows from the entry's name.
namespace moliere::zoo {

// root-project/rootbench, tmva/sofie: same architectures, weights of our own.
onnx::Model higgs_model_dense(const Entry& entry, const Batch& batch);  // (B, 7) -> (B, 2)
onnx::Model linear(const Entry& entry, const Batch& batch);             // (B, 100) -> (B, 10)
onnx::Model generator(const Entry& entry, const Batch& batch);          // (B, 14) -> (B, 40500)
onnx::Model conv_trans_2d(const Entry& entry, const Batch& batch);      // (B,1,4,4) -> (B,1,6,6)
onnx::Model conv_one_layer(const Entry& entry,
                           const Batch& batch);  // (B,1,100,100) -> (B,2,100,100)
/// Padded by 2 (B1: the extent stays 100) or not at all (B32: 100 -> 44), as the published files.
onnx::Model conv_14_layers(const Entry& entry, const Batch& batch);
onnx::Model conv_3d(const Entry& entry, const Batch& batch);      // (B,1,32,32,32) -> (B,8)
onnx::Model recurrent(const Entry& entry, const Batch& batch);    // (B, 20, 10) -> (B, 2)
onnx::Model dense_layer(const Entry& entry, const Batch& batch);  // (B, 100) -> (B, N)

/// Fast simulation of a calorimeter of 40,500 voxels: (B, 10) -> (B, 40500).
onnx::Model fastsim_mlp(const Entry& entry, const Batch& batch);
/// Residual CNN with BatchNormalization: (B, 1, 32, 32) -> (B, 10).
onnx::Model resnet_small(const Entry& entry, const Batch& batch);
/// Message passing over a graph of 16 nodes a event and 48 edges, given as pairs of node indices.
onnx::Model graph_network(const Entry& entry, const Batch& batch);
/// A transformer over the 16 patches of a 16 x 16 calorimeter image: (B, 256) -> (B, 256).
onnx::Model patch_transformer(const Entry& entry, const Batch& batch);

}  // namespace moliere::zoo
