// SPDX-License-Identifier: Apache-2.0
// Attention, LinearAttention and RotaryEmbedding; equations as in ONNX's operator definitions.
// Letters: N batch, H heads of the queries, G heads of keys and values, Q queries, K keys,
// E head size, F head size of the values.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>

namespace moliere::reference {
namespace {

using namespace detail;

/// Four axes (batch, heads, sequence, head size).
template <class Scalar>
struct Heads {
  std::int64_t batch;
  std::int64_t heads;
  std::int64_t length;
  std::int64_t size;
  std::vector<Scalar> elements;

  Shape shape() const { return {batch, heads, length, size}; }
  const Scalar* row(std::int64_t n, std::int64_t h, std::int64_t t) const {
    return elements.data() + ((n * heads + h) * length + t) * size;
  }
  Scalar* row(std::int64_t n, std::int64_t h, std::int64_t t) {
    return elements.data() + ((n * heads + h) * length + t) * size;
  }
};

/// Exchanges the two middle axes of (a, b, c, d).
template <class Scalar>
std::vector<Scalar> middle_exchanged(const std::vector<Scalar>& from, const Shape& shape) {
  std::vector<Scalar> to(from.size());
  const Shape strides = strides_of(shape);
  const std::array<Shape, 1> walk{Shape{strides[0], strides[2], strides[1], strides[3]}};
  for_each_offset(Shape{shape[0], shape[2], shape[1], shape[3]}, walk,
                  [&](std::size_t i, const auto& o) { to[i] = from[at(o[0])]; });
  return to;
}

/// (N, H, T, E) as it is; (N, T, H E) with the heads taken apart.
template <class Scalar>
Heads<Scalar> heads_of(const Value<Scalar>& x, std::int64_t heads) {
  const Shape& shape = x.shape;
  if (shape.size() == 4) return {shape[0], shape[1], shape[2], shape[3], x.reals()};
  require(shape.size() == 3, "an input has neither three nor four axes");
  require(heads > 0 && shape[2] % heads == 0, "the last axis does not divide into the heads");
  const std::int64_t size = shape[2] / heads;
  return {shape[0], heads, shape[1], size,
          middle_exchanged(x.reals(), {shape[0], shape[1], heads, size})};
}

/// The inverse of heads_of.
template <class Scalar>
Value<Scalar> value_of(Heads<Scalar> x, DataType type, bool three_axes) {
  if (!three_axes) return Value<Scalar>::real(x.shape(), std::move(x.elements), type);
  return Value<Scalar>::real({x.batch, x.length, x.heads * x.size},
                             middle_exchanged(x.elements, x.shape()), type);
}

/// past and x joined along the sequence.
template <class Scalar>
Heads<Scalar> joined(const Value<Scalar>& past_value, const Heads<Scalar>& x) {
  const Heads<Scalar> past = heads_of(past_value, 0);
  require(past.batch == x.batch && past.heads == x.heads && past.size == x.size,
          "the past keys or values have another shape than the new ones");
  Heads<Scalar> both{x.batch, x.heads, past.length + x.length, x.size, {}};
  for (std::int64_t group = 0; group < x.batch * x.heads; ++group) {
    for (const Heads<Scalar>* part : {&past, &x}) {
      const Scalar* first = part->row(0, group, 0);
      both.elements.insert(both.elements.end(), first, first + part->length * part->size);
    }
  }
  return both;
}

template <class Scalar>
constexpr Scalar minus_infinity = -std::numeric_limits<Scalar>::infinity();

/// Which keys a query may see, beside the mask.
struct Visibility {
  bool causal;
  /// Keys before and after a query's own position; -1: all of them.
  std::int64_t left;
  std::int64_t right;
  /// Position of the first query among the keys, for each element of the batch.
  Integers offsets;
  /// Keys that are not padding, for each element of the batch.
  Integers lengths;

  bool operator()(std::int64_t n, std::int64_t query, std::int64_t key) const {
    const std::int64_t position = offsets[at(n)] + query;
    if (key >= lengths[at(n)] || (causal && key > position)) return false;
    return (left < 0 || key >= position - left) && (right < 0 || key <= position + right);
  }
};

template <class Scalar>
Visibility visibility_of(const Call<Scalar>& call, const Heads<Scalar>& q, const Heads<Scalar>& k) {
  const std::size_t batch = at(q.batch);
  Visibility visible{.causal = int_attribute(call, "is_causal", 0) != 0,
                     .left = int_attribute(call, "left_window_size", -1),
                     .right = int_attribute(call, "right_window_size", -1),
                     .offsets = Integers(batch, 0),
                     .lengths = Integers(batch, k.length)};
  if (call.has(4)) visible.offsets = Integers(batch, call.input(4).shape.at(2));
  if (call.has(6)) {
    visible.lengths = call.input(6).integers();
    require(visible.lengths.size() == batch, "there is not one number of keys per sequence");
    require(!call.has(4), "past keys and numbers of valid keys are given together");
    std::ranges::transform(visible.lengths, visible.offsets.begin(),
                           [&](std::int64_t length) { return length - q.length; });
  }
  return visible;
}

/// What is added to the scores (N, H, Q, K): the mask (0 or -infinity for a boolean one), and
/// -infinity for keys that are not visible or that the mask does not reach.
template <class Scalar>
std::vector<Scalar> bias_of(const Call<Scalar>& call, const Shape& shape,
                            const Visibility& visible) {
  std::vector<Scalar> bias(count(shape), 0);
  if (call.has(3)) {
    const Value<Scalar>& mask = call.input(3);
    require(!mask.shape.empty() && mask.shape.back() <= shape[3], "the mask has too many keys");
    // The mask is stretched over all but its last axis, which may also just end early.
    Shape reached = shape;
    if (mask.shape.back() != 1) reached[3] = mask.shape.back();
    require(broadcast_shape(mask.shape, reached) == reached, "the mask does not fit the scores");
    Shape strides = broadcast_strides(mask.shape, reached);
    for_each_index(shape, [&](std::size_t i, const Shape& index) {
      if (index[3] >= reached[3]) {
        bias[i] = minus_infinity<Scalar>;
        return;
      }
      const std::size_t o = at(offset_of(index, strides));
      if (mask.is_real()) {
        bias[i] = mask.reals()[o];
      } else if (mask.booleans()[o] == 0) {
        bias[i] = minus_infinity<Scalar>;
      }
    });
  }
  for_each_index(shape, [&](std::size_t i, const Shape& index) {
    if (!visible(index[0], index[2], index[3])) bias[i] = minus_infinity<Scalar>;
  });
  return bias;
}

/// softmax(row + bias); a row that sees no key at all is zero.
template <class Scalar>
void softmax_row(std::span<Scalar> row, std::span<const Scalar> bias) {
  if (std::ranges::all_of(bias, [](Scalar b) { return b == minus_infinity<Scalar>; })) {
    std::ranges::fill(row, Scalar{0});
    return;
  }
  for (std::size_t j = 0; j < row.size(); ++j) row[j] += bias[j];
  const Scalar largest = *std::ranges::max_element(row);
  Scalar sum = 0;
  for (Scalar& value : row) sum += value = std::exp(value - largest);
  for (Scalar& value : row) value /= sum;
}

/// What the fourth result holds; the numbers are those of qk_matmul_output_mode.
enum class ScoreStage { product, capped, biased, softmax };

/// scores[n, h, i, j] = scale q[n, h, i] . k[n, h G / H, j]
template <class Scalar>
Heads<Scalar> scores_of(const Heads<Scalar>& q, const Heads<Scalar>& k, Scalar scale) {
  Heads<Scalar> scores{q.batch, q.heads, q.length, k.length,
                       std::vector<Scalar>(at(q.batch * q.heads * q.length * k.length))};
  const std::int64_t sharing = q.heads / k.heads;
  for (std::int64_t row = 0; row < q.batch * q.heads * q.length; ++row) {
    const Scalar* query = q.elements.data() + row * q.size;
    const std::int64_t head = row / q.length % q.heads;
    const Scalar* keys = k.row(row / q.length / q.heads, head / sharing, 0);
    for (std::int64_t j = 0; j < k.length; ++j) {
      Scalar sum = 0;
      for (std::int64_t e = 0; e < q.size; ++e) sum += query[e] * keys[j * q.size + e];
      scores.elements[at(row * k.length + j)] = scale * sum;
    }
  }
  return scores;
}

/// y[n, h, i] = sum_j p[n, h, i, j] v[n, h G / H, j]
template <class Scalar>
Heads<Scalar> averaged(const Heads<Scalar>& p, const Heads<Scalar>& v) {
  Heads<Scalar> y{p.batch, p.heads, p.length, v.size,
                  std::vector<Scalar>(at(p.batch * p.heads * p.length * v.size), 0)};
  const std::int64_t sharing = p.heads / v.heads;
  for (std::int64_t row = 0; row < p.batch * p.heads * p.length; ++row) {
    const std::int64_t head = row / p.length % p.heads;
    const Scalar* values = v.row(row / p.length / p.heads, head / sharing, 0);
    Scalar* to = y.elements.data() + row * v.size;
    for (std::int64_t j = 0; j < v.length; ++j) {
      const Scalar weight = p.elements[at(row * v.length + j)];
      // A key that is masked away does not count, whatever its value is (infinity too).
      if (weight == 0) continue;
      for (std::int64_t f = 0; f < v.size; ++f) to[f] += weight * values[j * v.size + f];
    }
  }
  return y;
}

/// y = softmax(softcap tanh(scale q k^T / softcap) + bias) v; the scale is 1 / sqrt(E) unless
/// given. Neighbouring heads of the queries share one of the keys where those are fewer.
/// Vaswani et al., arXiv:1706.03762, equation 1; Ainslie et al., arXiv:2305.13245 for the sharing.
/// Results: y, all keys and all values (past and new), the scores at qk_matmul_output_mode.
template <class Scalar>
std::vector<Value<Scalar>> attention(const Call<Scalar>& call) {
  const DataType type = call.input(0).type;
  const std::int64_t kv_heads = int_attribute(call, "kv_num_heads", 0);
  const Heads<Scalar> q = heads_of(call.input(0), int_attribute(call, "q_num_heads", 0));
  Heads<Scalar> k = heads_of(call.input(1), kv_heads);
  Heads<Scalar> v = heads_of(call.input(2), kv_heads);
  require(call.has(4) == call.has(5), "past keys and past values belong together");
  if (call.has(4)) {
    k = joined(call.input(4), k);
    v = joined(call.input(5), v);
  }
  require(k.batch == q.batch && v.batch == q.batch && k.size == q.size && v.length == k.length &&
              v.heads == k.heads && k.heads > 0 && q.heads % k.heads == 0,
          "the shapes of queries, keys and values do not fit together");
  const Scalar scale = float_attribute(call, "scale", 1 / std::sqrt(static_cast<double>(q.size)));
  const Scalar softcap = float_attribute(call, "softcap", 0);
  const auto stage = static_cast<ScoreStage>(int_attribute(call, "qk_matmul_output_mode", 0));
  Heads<Scalar> scores = scores_of(q, k, scale);
  Heads<Scalar> shown = scores;
  if (softcap > 0) {
    for (Scalar& score : scores.elements) score = softcap * std::tanh(score / softcap);
  }
  if (stage == ScoreStage::capped) shown = scores;
  const std::vector<Scalar> bias = bias_of(call, scores.shape(), visibility_of(call, q, k));
  if (stage == ScoreStage::biased) {
    std::ranges::transform(scores.elements, bias, shown.elements.begin(), std::plus<>());
  }
  const std::size_t width = at(k.length);
  for (std::size_t first = 0; first < bias.size(); first += width) {
    softmax_row(std::span(scores.elements).subspan(first, width),
                std::span(bias).subspan(first, width));
  }
  if (stage == ScoreStage::softmax) shown = scores;
  const bool three_axes = call.input(0).shape.size() == 3;
  std::vector<Value<Scalar>> results = single(value_of(averaged(scores, v), type, three_axes));
  results.push_back(value_of(std::move(k), call.input(1).type, false));
  results.push_back(value_of(std::move(v), call.input(2).type, false));
  results.push_back(value_of(std::move(shown), type, false));
  return results;
}

/// Pairs (a, b) of the first `rotary_embedding_dim` elements of each head are turned by the angle
/// of their position: a' = cos a - sin b, b' = sin a + cos b. The pairs are the two halves, or
/// neighbours with `interleaved`. Su et al., arXiv:2104.09864, equation 34.
template <class Scalar>
std::vector<Value<Scalar>> rotary_embedding(const Call<Scalar>& call) {
  const Value<Scalar>& input = call.input(0);
  Heads<Scalar> x = heads_of(input, int_attribute(call, "num_heads", 0));
  const std::int64_t given = int_attribute(call, "rotary_embedding_dim", 0);
  const std::int64_t turned = given == 0 ? x.size : given;
  const bool interleaved = int_attribute(call, "interleaved", 0) != 0;
  require(turned > 0 && turned <= x.size && turned % 2 == 0,
          "the number of elements to turn is odd or larger than a head");
  const std::int64_t pairs = turned / 2;
  const Value<Scalar>& cosines = call.input(1);
  const Value<Scalar>& sines = call.input(2);
  // (positions, pairs) looked up by position_ids (N, T), or (N, T, pairs) without them.
  require(cosines.shape.size() == (call.has(3) ? 2U : 3U) && cosines.shape.back() == pairs &&
              cosines.shape == sines.shape,
          "the tables of RotaryEmbedding have the wrong shape");
  const auto rows = static_cast<std::int64_t>(cosines.size()) / pairs;
  if (call.has(3)) {
    require(call.input(3).shape == Shape{x.batch, x.length}, "there is not one position per token");
  } else {
    require(rows == x.batch * x.length, "the tables of RotaryEmbedding do not fit the input");
  }
  for (std::int64_t n = 0; n < x.batch; ++n) {
    for (std::int64_t t = 0; t < x.length; ++t) {
      const std::int64_t token = n * x.length + t;
      const std::int64_t row = call.has(3) ? call.input(3).integers()[at(token)] : token;
      require(row >= 0 && row < rows, "a position lies outside the tables of RotaryEmbedding");
      for (std::int64_t h = 0; h < x.heads; ++h) {
        Scalar* head = x.row(n, h, t);
        for (std::int64_t i = 0; i < pairs; ++i) {
          Scalar& a = head[interleaved ? 2 * i : i];
          Scalar& b = head[interleaved ? 2 * i + 1 : i + pairs];
          const Scalar cosine = cosines.reals()[at(row * pairs + i)];
          const Scalar sine = sines.reals()[at(row * pairs + i)];
          const Scalar turned_a = cosine * a - sine * b;
          b = sine * a + cosine * b;
          a = turned_a;
        }
      }
    }
  }
  return single(value_of(std::move(x), input.type, input.shape.size() == 3));
}

/// Which terms the update of LinearAttention's state has.
struct UpdateRule {
  bool decays;
  bool corrects;
};

UpdateRule update_rule_of(std::string_view name) {
  const bool known =
      name == "linear" || name == "gated" || name == "delta" || name == "gated_delta";
  if (!known) throw_invalid(fmt::format("the update rule '{}'", name));
  return {.decays = name.starts_with("gated"), .corrects = name.ends_with("delta")};
}

/// A state S (E, F) per head instead of all keys and values. For each token, with the log-decay g
/// and the update rate beta (where the rule has them):
///   S = exp(g) S,  u = beta (v - S^T k),  S = S + k u^T,  y = scale S^T q.
/// All inputs are (N, T, heads * size); g is (N, T, G E) or (N, T, G), beta (N, T, G) or (N, T, 1).
template <class Scalar>
std::vector<Value<Scalar>> linear_attention(const Call<Scalar>& call) {
  const std::int64_t kv_heads = int_attribute(call, "kv_num_heads", 0);
  for (std::size_t i = 0; i < 3; ++i) {
    require(call.input(i).shape.size() == 3, "an input of LinearAttention has not three axes");
  }
  const UpdateRule rule = update_rule_of(string_attribute(call, "update_rule", "gated_delta"));
  const Heads<Scalar> q = heads_of(call.input(0), int_attribute(call, "q_num_heads", 0));
  const Heads<Scalar> k = heads_of(call.input(1), kv_heads);
  const Heads<Scalar> v = heads_of(call.input(2), kv_heads);
  require(q.heads % k.heads == 0 && q.size == k.size && q.length == k.length &&
              k.length == v.length && q.batch == k.batch && k.batch == v.batch,
          "the shapes of queries, keys and values do not fit together");
  require(call.has(4) == rule.decays && call.has(5) == rule.corrects,
          "the decay or the rate does not fit the update rule");
  const Scalar given = float_attribute(call, "scale", 0);
  const Scalar scale = given != 0 ? given : 1 / std::sqrt(static_cast<Scalar>(q.size));
  Heads<Scalar> state{q.batch, k.heads, k.size, v.size,
                      std::vector<Scalar>(at(q.batch * k.heads * k.size * v.size), 0)};
  if (call.has(3)) {
    require(call.input(3).shape == state.shape(), "the past state has another shape");
    state.elements = call.input(3).reals();
  }
  // The element of (n, t, head, i) where the last axis has one entry per element, per head, or one.
  const auto entry = [&](const Value<Scalar>& x, std::int64_t n, std::int64_t t, std::int64_t head,
                         std::int64_t i) {
    const std::int64_t width = x.shape.back();
    require(x.shape == Shape{q.batch, q.length, width} &&
                (width == k.heads * k.size || width == k.heads || width == 1),
            "the decay or the rate has the wrong shape");
    const std::int64_t column = width == k.heads * k.size ? head * k.size + i
                                : width == k.heads        ? head
                                                          : 0;
    return x.reals()[at((n * q.length + t) * width + column)];
  };
  Heads<Scalar> y{q.batch, q.heads, q.length, v.size,
                  std::vector<Scalar>(at(q.batch * q.heads * q.length * v.size), 0)};
  const std::int64_t sharing = q.heads / k.heads;
  std::vector<Scalar> update(at(v.size));
  for (std::int64_t group = 0; group < q.batch * k.heads * q.length; ++group) {
    const std::int64_t t = group % q.length;
    const std::int64_t head = group / q.length % k.heads;
    const std::int64_t n = group / q.length / k.heads;
    const Scalar* key = k.row(n, head, t);
    const Scalar* value = v.row(n, head, t);
    std::copy(value, value + v.size, update.begin());
    for (std::int64_t e = 0; e < k.size; ++e) {
      Scalar* row = state.row(n, head, e);
      const Scalar decay = rule.decays ? std::exp(entry(call.input(4), n, t, head, e)) : Scalar{1};
      for (std::int64_t f = 0; f < v.size; ++f) {
        row[f] *= decay;
        if (rule.corrects) update[at(f)] -= row[f] * key[e];
      }
    }
    const Scalar rate = rule.corrects ? entry(call.input(5), n, t, head, 0) : Scalar{1};
    for (std::int64_t e = 0; e < k.size; ++e) {
      Scalar* row = state.row(n, head, e);
      for (std::int64_t f = 0; f < v.size; ++f) row[f] += key[e] * rate * update[at(f)];
    }
    for (std::int64_t h = head * sharing; h < (head + 1) * sharing; ++h) {
      for (std::int64_t e = 0; e < k.size; ++e) {
        const Scalar weight = scale * q.row(n, h, t)[e];
        for (std::int64_t f = 0; f < v.size; ++f) {
          y.row(n, h, t)[f] += weight * state.row(n, head, e)[f];
        }
      }
    }
  }
  const DataType type = call.input(0).type;
  std::vector<Value<Scalar>> results = single(value_of(std::move(y), type, true));
  results.push_back(value_of(std::move(state), call.has(3) ? call.input(3).type : type, false));
  return results;
}

}  // namespace

template <class Scalar>
void add_attention_operators(KernelTable<Scalar>& table) {
  table["Attention"] = attention<Scalar>;
  table["LinearAttention"] = linear_attention<Scalar>;
  table["RotaryEmbedding"] = rotary_embedding<Scalar>;
}

template void add_attention_operators(KernelTable<double>&);
template void add_attention_operators(KernelTable<float>&);

}  // namespace moliere::reference
