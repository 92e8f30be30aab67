// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM; equations as in ONNX's operator definitions.
// Letters: S steps, N batch, I input size, H hidden size, D directions (1 or 2).
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <tuple>

namespace moliere::reference {
namespace {

using namespace detail;

template <class Scalar>
using Activation = std::function<Scalar(Scalar)>;

/// An activation, how many of its parameters come from activation_alpha and activation_beta, and
/// their defaults (those of ONNX's operators of these names, which are float32 numbers).
struct ActivationKind {
  std::string_view name;
  int parameters;
  double alpha;
  double beta;
};
constexpr std::array<ActivationKind, 11> activation_kinds{{
    {"Tanh", 0, 0, 0},
    {"Sigmoid", 0, 0, 0},
    {"Relu", 0, 0, 0},
    {"Softsign", 0, 0, 0},
    {"Softplus", 0, 0, 0},
    {"LeakyRelu", 1, 0.01F, 0},
    {"ThresholdedRelu", 1, 1, 0},
    {"Elu", 1, 1, 0},
    {"Affine", 2, 1, 0},
    {"ScaledTanh", 2, 1, 1},
    {"HardSigmoid", 2, 0.2F, 0.5},
}};

template <class Scalar>
Activation<Scalar> make_activation(std::string_view name, Scalar alpha, Scalar beta) {
  using S = Scalar;
  if (name == "Sigmoid") return [](S x) { return 1 / (1 + std::exp(-x)); };
  if (name == "Relu") return [](S x) { return std::max(x, S{0}); };
  if (name == "Softsign") return [](S x) { return x / (1 + std::abs(x)); };
  if (name == "Softplus")
    return [](S x) { return std::max(x, S{0}) + std::log1p(std::exp(-std::abs(x))); };
  if (name == "LeakyRelu") return [=](S x) { return x >= 0 ? x : alpha * x; };
  if (name == "ThresholdedRelu") return [=](S x) { return x >= alpha ? x : S{0}; };
  if (name == "Elu") return [=](S x) { return x >= 0 ? x : alpha * std::expm1(x); };
  if (name == "Affine") return [=](S x) { return alpha * x + beta; };
  if (name == "ScaledTanh") return [=](S x) { return alpha * std::tanh(beta * x); };
  if (name == "HardSigmoid") return [=](S x) { return std::clamp(alpha * x + beta, S{0}, S{1}); };
  return [](S x) { return std::tanh(x); };
}

/// The activations of all directions, `defaults` for each where the node names none. The lists of
/// parameters are consumed in the order of the activations that have any.
template <class Scalar>
std::vector<Activation<Scalar>> activations_of(const Call<Scalar>& call,
                                               const std::vector<std::string>& defaults,
                                               std::size_t directions) {
  auto names = call.node.template attribute<std::vector<std::string>>("activations", {});
  while (names.size() < defaults.size() * directions && names.size() % defaults.size() == 0) {
    names.insert(names.end(), defaults.begin(), defaults.end());
  }
  require(names.size() == defaults.size() * directions,
          "the number of activations does not fit the directions");
  const auto alphas = call.node.template attribute<std::vector<double>>("activation_alpha", {});
  const auto betas = call.node.template attribute<std::vector<double>>("activation_beta", {});
  std::size_t alpha = 0;
  std::size_t beta = 0;
  std::vector<Activation<Scalar>> result;
  for (const std::string& name : names) {
    const auto kind = std::ranges::find_if(activation_kinds, [&](const ActivationKind& k) {
      return std::ranges::equal(k.name, name, [](unsigned char a, unsigned char b) {
        return std::tolower(a) == std::tolower(b);
      });
    });
    if (kind == activation_kinds.end()) throw_invalid(fmt::format("the activation '{}'", name));
    const auto next = [](const std::vector<double>& list, std::size_t& used, double fallback) {
      return static_cast<Scalar>(used < list.size() ? list[used++] : fallback);
    };
    const Scalar a = kind->parameters > 0 ? next(alphas, alpha, kind->alpha) : Scalar{0};
    const Scalar b = kind->parameters > 1 ? next(betas, beta, kind->beta) : Scalar{0};
    result.push_back(make_activation(kind->name, a, b));
  }
  return result;
}

/// The weights of one direction, G gates behind each other in each array.
template <class Scalar>
struct Direction {
  const Scalar* w;          // (G H, I)
  const Scalar* r;          // (G H, H)
  const Scalar* bias;       // (2 G H): of w, then of r; nullptr: zeros
  const Scalar* peepholes;  // (3 H), LSTM alone; nullptr: zeros
  const Activation<Scalar>* activations;
};

/// A recurrent operator taken apart.
template <class Scalar>
struct Recurrence {
  std::int64_t steps = 0;
  std::int64_t batch = 0;
  std::int64_t inputs = 0;
  std::int64_t hidden = 0;
  std::int64_t directions = 1;
  std::int64_t gates = 1;
  /// 0: (S, N, I) and (S, D, N, H); 1: (N, S, I) and (N, S, D, H).
  bool batch_first = false;
  bool starts_reversed = false;
  Scalar clip = 0;
  /// Steps of each element of the batch.
  Integers lengths;
  std::vector<Activation<Scalar>> activations;
  std::vector<Direction<Scalar>> weights;

  std::int64_t x_offset(std::int64_t t, std::int64_t n) const {
    return (batch_first ? n * steps + t : t * batch + n) * inputs;
  }
  std::int64_t y_offset(std::int64_t t, std::int64_t d, std::int64_t n) const {
    return (batch_first ? (n * steps + t) * directions + d : (t * directions + d) * batch + n) *
           hidden;
  }
  /// In the initial and last states.
  std::int64_t state_offset(std::int64_t d, std::int64_t n) const {
    return (batch_first ? n * directions + d : d * batch + n) * hidden;
  }
  Shape y_shape() const {
    return batch_first ? Shape{batch, steps, directions, hidden}
                       : Shape{steps, directions, batch, hidden};
  }
  Shape state_shape() const {
    return batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  }
};

/// What goes into an activation, limited to [-clip, clip] where the node has a limit.
template <class Scalar>
Scalar clipped(const Recurrence<Scalar>& recurrence, Scalar x) {
  return recurrence.clip > 0 ? std::clamp(x, -recurrence.clip, recurrence.clip) : x;
}

template <class Scalar>
const Scalar* optional_input(const Call<Scalar>& call, std::size_t index, std::int64_t size) {
  if (!call.has(index)) return nullptr;
  require(call.input(index).reals().size() == at(size),
          "an input of the recurrent operator has the wrong size");
  return call.input(index).reals().data();
}

template <class Scalar>
Recurrence<Scalar> recurrence_of(const Call<Scalar>& call, std::int64_t gates,
                                 const std::vector<std::string>& default_activations) {
  const Value<Scalar>& x = call.input(0);
  const Shape& w = call.input(1).shape;
  const Shape& r = call.input(2).shape;
  require(x.shape.size() == 3 && w.size() == 3 && r.size() == 3,
          "X, W and R of a recurrent operator must have three axes");
  Recurrence<Scalar> result;
  const std::string direction = string_attribute(call, "direction", "forward");
  require(direction == "forward" || direction == "reverse" || direction == "bidirectional",
          "the direction is none of forward, reverse and bidirectional");
  result.batch_first = int_attribute(call, "layout", 0) != 0;
  result.steps = x.shape[result.batch_first ? 1 : 0];
  result.batch = x.shape[result.batch_first ? 0 : 1];
  result.inputs = x.shape[2];
  result.hidden = r[2];
  result.gates = gates;
  result.directions = direction == "bidirectional" ? 2 : 1;
  result.starts_reversed = direction == "reverse";
  result.clip = float_attribute(call, "clip", 0);
  const std::int64_t rows = gates * result.hidden;
  require(w == Shape{result.directions, rows, result.inputs} &&
              r == Shape{result.directions, rows, result.hidden},
          "W or R of a recurrent operator has the wrong shape");
  result.lengths =
      call.has(4) ? call.input(4).integers() : Integers(at(result.batch), result.steps);
  require(result.lengths.size() == at(result.batch), "there is not one length per sequence");
  for (const std::int64_t length : result.lengths) {
    require(length >= 0 && length <= result.steps, "a sequence is longer than the input");
  }
  result.activations = activations_of(call, default_activations, at(result.directions));
  const Scalar* bias = optional_input(call, 3, result.directions * 2 * rows);
  const Scalar* peepholes =
      gates == 4 ? optional_input(call, 7, result.directions * 3 * result.hidden) : nullptr;
  for (std::int64_t d = 0; d < result.directions; ++d) {
    result.weights.push_back(
        {.w = call.input(1).reals().data() + d * rows * result.inputs,
         .r = call.input(2).reals().data() + d * rows * result.hidden,
         .bias = bias == nullptr ? nullptr : bias + d * 2 * rows,
         .peepholes = peepholes == nullptr ? nullptr : peepholes + d * 3 * result.hidden,
         .activations = result.activations.data() + at(d) * default_activations.size()});
  }
  return result;
}

/// (W x + Wb)_row.
template <class Scalar>
Scalar from_input(const Recurrence<Scalar>& recurrence, const Direction<Scalar>& direction,
                  std::int64_t row, const Scalar* x) {
  Scalar sum = direction.bias == nullptr ? Scalar{0} : direction.bias[row];
  const Scalar* w = direction.w + row * recurrence.inputs;
  for (std::int64_t i = 0; i < recurrence.inputs; ++i) sum += w[i] * x[i];
  return sum;
}

/// (R h + Rb)_row.
template <class Scalar>
Scalar from_state(const Recurrence<Scalar>& recurrence, const Direction<Scalar>& direction,
                  std::int64_t row, const Scalar* h) {
  Scalar sum = direction.bias == nullptr
                   ? Scalar{0}
                   : direction.bias[recurrence.gates * recurrence.hidden + row];
  const Scalar* r = direction.r + row * recurrence.hidden;
  for (std::int64_t i = 0; i < recurrence.hidden; ++i) sum += r[i] * h[i];
  return sum;
}

/// One sequence's state: h, and c of an LSTM.
template <class Scalar>
struct State {
  std::vector<Scalar> h;
  std::vector<Scalar> c;
};

/// h' = f(W x + Wb + R h + Rb).
template <class Scalar>
void step_rnn(const Recurrence<Scalar>& recurrence, const Direction<Scalar>& direction,
              const Scalar* x, State<Scalar>& state) {
  std::vector<Scalar> next(state.h.size());
  for (std::int64_t j = 0; j < recurrence.hidden; ++j) {
    const Scalar sum = from_input(recurrence, direction, j, x) +
                       from_state(recurrence, direction, j, state.h.data());
    next[at(j)] = direction.activations[0](clipped(recurrence, sum));
  }
  state.h = std::move(next);
}

/// z = f(Wz x + Wbz + Rz h + Rbz), r alike;
/// candidate = g(Wh x + Wbh + Rh (r * h) + Rbh), or with linear_before_reset
///             g(Wh x + Wbh + r * (Rh h + Rbh));
/// h' = (1 - z) * candidate + z * h. The gates lie in the order z, r, h.
template <class Scalar>
void step_gru(const Recurrence<Scalar>& recurrence, const Direction<Scalar>& direction,
              const Scalar* x, State<Scalar>& state, bool linear_before_reset) {
  const std::int64_t hidden = recurrence.hidden;
  const Scalar* h = state.h.data();
  const auto gate = [&](std::int64_t row) {
    return direction.activations[0](clipped(
        recurrence,
        from_input(recurrence, direction, row, x) + from_state(recurrence, direction, row, h)));
  };
  std::vector<Scalar> reset(state.h.size());
  std::vector<Scalar> reset_state(state.h.size());
  for (std::int64_t j = 0; j < hidden; ++j) {
    reset[at(j)] = gate(hidden + j);
    reset_state[at(j)] = reset[at(j)] * h[j];
  }
  std::vector<Scalar> next(state.h.size());
  for (std::int64_t j = 0; j < hidden; ++j) {
    const std::int64_t row = 2 * hidden + j;
    const Scalar remembered = linear_before_reset
                                  ? reset[at(j)] * from_state(recurrence, direction, row, h)
                                  : from_state(recurrence, direction, row, reset_state.data());
    const Scalar candidate = direction.activations[1](
        clipped(recurrence, from_input(recurrence, direction, row, x) + remembered));
    const Scalar update = gate(j);
    next[at(j)] = (1 - update) * candidate + update * h[j];
  }
  state.h = std::move(next);
}

/// i = f(Wi x + Ri h + Pi * c + Wbi + Rbi), f alike (1 - i with input_forget),
/// candidate = g(Wc x + Rc h + Wbc + Rbc), c' = f * c + i * candidate,
/// o = f(Wo x + Ro h + Po * c' + Wbo + Rbo), h' = o * h(c').
/// The gates lie in the order i, o, f, c; the peepholes P in the order i, o, f.
template <class Scalar>
void step_lstm(const Recurrence<Scalar>& recurrence, const Direction<Scalar>& direction,
               const Scalar* x, State<Scalar>& state, bool input_forget) {
  const std::int64_t hidden = recurrence.hidden;
  const auto sum = [&](std::int64_t gate, std::int64_t j, Scalar c) {
    const std::int64_t row = gate * hidden + j;
    const bool peeps = gate < 3 && direction.peepholes != nullptr;
    const Scalar peephole = peeps ? direction.peepholes[row] * c : Scalar{0};
    return clipped(recurrence, from_input(recurrence, direction, row, x) +
                                   from_state(recurrence, direction, row, state.h.data()) +
                                   peephole);
  };
  const auto& [f, g, h] =
      std::tie(direction.activations[0], direction.activations[1], direction.activations[2]);
  std::vector<Scalar> next(state.h.size());
  for (std::int64_t j = 0; j < hidden; ++j) {
    const Scalar c = state.c[at(j)];
    const Scalar input = f(sum(0, j, c));
    const Scalar forget = input_forget ? 1 - input : f(sum(2, j, c));
    const Scalar candidate = g(sum(3, j, c));
    state.c[at(j)] = forget * c + input * candidate;
    const Scalar output = f(sum(1, j, state.c[at(j)]));
    next[at(j)] = output * h(state.c[at(j)]);
  }
  state.h = std::move(next);
}

/// Runs `step` along every sequence of every direction. Results: Y with zeros after the end of a
/// sequence, the last h and, for an LSTM, the last c.
template <class Scalar, class Step>
std::vector<Value<Scalar>> run(const Call<Scalar>& call, const Recurrence<Scalar>& recurrence,
                               Step&& step) {
  const std::vector<Scalar>& x = call.input(0).reals();
  const std::int64_t states = recurrence.directions * recurrence.batch * recurrence.hidden;
  const Scalar* initial_h = optional_input(call, 5, states);
  const Scalar* initial_c = recurrence.gates == 4 ? optional_input(call, 6, states) : nullptr;
  std::vector<Scalar> y(at(states * recurrence.steps), 0);
  std::vector<Scalar> last_h(at(states));
  std::vector<Scalar> last_c(at(states));
  const auto initial = [&](const Scalar* from, std::int64_t offset) {
    return from == nullptr ? std::vector<Scalar>(at(recurrence.hidden), 0)
                           : std::vector<Scalar>(from + offset, from + offset + recurrence.hidden);
  };
  for (std::int64_t d = 0; d < recurrence.directions; ++d) {
    const bool reversed = recurrence.starts_reversed || d == 1;
    for (std::int64_t n = 0; n < recurrence.batch; ++n) {
      const std::int64_t offset = recurrence.state_offset(d, n);
      State<Scalar> state{initial(initial_h, offset), initial(initial_c, offset)};
      const std::int64_t length = recurrence.lengths[at(n)];
      for (std::int64_t i = 0; i < length; ++i) {
        const std::int64_t t = reversed ? length - 1 - i : i;
        step(recurrence.weights[at(d)], x.data() + recurrence.x_offset(t, n), state);
        std::ranges::copy(state.h, y.begin() + recurrence.y_offset(t, d, n));
      }
      std::ranges::copy(state.h, last_h.begin() + offset);
      std::ranges::copy(state.c, last_c.begin() + offset);
    }
  }
  const DataType type = call.input(0).type;
  const Shape state_shape = recurrence.state_shape();
  std::vector<Value<Scalar>> results =
      single(Value<Scalar>::real(recurrence.y_shape(), std::move(y), type));
  results.push_back(Value<Scalar>::real(state_shape, std::move(last_h), type));
  if (recurrence.gates == 4) {
    results.push_back(Value<Scalar>::real(state_shape, std::move(last_c), type));
  }
  return results;
}

template <class Scalar>
std::vector<Value<Scalar>> rnn(const Call<Scalar>& call) {
  const auto recurrence = recurrence_of(call, 1, {"Tanh"});
  return run(call, recurrence, [&](const auto& direction, const Scalar* x, State<Scalar>& state) {
    step_rnn(recurrence, direction, x, state);
  });
}

template <class Scalar>
std::vector<Value<Scalar>> gru(const Call<Scalar>& call) {
  const auto recurrence = recurrence_of(call, 3, {"Sigmoid", "Tanh"});
  const bool linear_before_reset = int_attribute(call, "linear_before_reset", 0) != 0;
  return run(call, recurrence, [&](const auto& direction, const Scalar* x, State<Scalar>& state) {
    step_gru(recurrence, direction, x, state, linear_before_reset);
  });
}

template <class Scalar>
std::vector<Value<Scalar>> lstm(const Call<Scalar>& call) {
  const auto recurrence = recurrence_of(call, 4, {"Sigmoid", "Tanh", "Tanh"});
  const bool input_forget = int_attribute(call, "input_forget", 0) != 0;
  return run(call, recurrence, [&](const auto& direction, const Scalar* x, State<Scalar>& state) {
    step_lstm(recurrence, direction, x, state, input_forget);
  });
}

}  // namespace

template <class Scalar>
void add_recurrent_operators(KernelTable<Scalar>& table) {
  table["RNN"] = rnn<Scalar>;
  table["GRU"] = gru<Scalar>;
  table["LSTM"] = lstm<Scalar>;
}

template void add_recurrent_operators(KernelTable<double>&);
template void add_recurrent_operators(KernelTable<float>&);

}  // namespace moliere::reference
