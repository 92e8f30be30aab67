// SPDX-License-Identifier: Apache-2.0
#include "moliere/reference/kernel.hpp"

#include "moliere/core/error.hpp"

namespace moliere::reference {

template <class Scalar>
const Value<Scalar>& Call<Scalar>::input(std::size_t index) const {
  if (has(index)) return *inputs[index];
  throw Error(fmt::format("input {} is missing", index), "the operator needs it",
              "export the model again");
}

template struct Call<double>;
template struct Call<float>;

}  // namespace moliere::reference
