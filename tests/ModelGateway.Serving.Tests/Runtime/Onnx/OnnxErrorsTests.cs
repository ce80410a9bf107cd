using ModelGateway.Serving.Runtime.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Messages as ONNX Runtime 1.31 wrote them, and what is left of them.</summary>
public sealed class OnnxErrorsTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("something plain", "something plain")]
    [InlineData("[ErrorCode:InvalidArgument] Invalid rank for input: data Got: 2 Expected: 1", "Invalid rank for input: data Got: 2 Expected: 1")]
    [InlineData(
        "[ErrorCode:Fail] Load model from /tmp/m/model.onnx failed:This is an invalid model. Error: the graph is not acyclic.",
        "Load model from /tmp/m/model.onnx failed: This is an invalid model. Error: the graph is not acyclic.")]
    [InlineData(
        "[ErrorCode:Fail] Load model from m.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&, const onnxruntime::IOnnxRuntimeOpSchemaRegistryList*, const onnxruntime::logging::Logger&, const onnxruntime::ModelOptions&) Unsupported model IR version: 99, max supported IR version: 13\n",
        "Load model from m.onnx failed: Unsupported model IR version: 99, max supported IR version: 13")]
    [InlineData(
        "Load model from m.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 void onnxruntime::model_load_utils::ValidateOpsetForDomain(const std::unordered_map<std::__cxx11::basic_string<char>, int>&, const onnxruntime::logging::Logger&, bool, const std::string&, int) ONNX Runtime only *guarantees* support",
        "Load model from m.onnx failed: ONNX Runtime only *guarantees* support")]
    [InlineData(
        "[ErrorCode:Fail] Non-zero status code returned while running Gather node. Name:'Gather_0' Status Message: /onnxruntime_src/include/onnxruntime/core/framework/op_kernel_context.h:45 const T* onnxruntime::OpKernelContext::Input(int) const [with T = onnxruntime::Tensor] Missing Input: index\n",
        "Non-zero status code returned while running Gather node. Name:'Gather_0' Status Message: Missing Input: index")]
    [InlineData(
        "Status Message: /onnxruntime_src/onnxruntime/core/common/safeint.h:17 static void SafeIntExceptionHandler<onnxruntime::OnnxRuntimeException>::SafeIntOnOverflow() Integer overflow",
        "Status Message: Integer overflow")]
    [InlineData(
        "Status Message: /onnxruntime_src/onnxruntime/core/framework/op_kernel.cc:87 virtual OrtValue* onnxruntime::OpKernelContext::OutputMLValue(int, const onnxruntime::TensorShape&) [ONNXRuntimeError] : 1 : FAIL : tensor.cc:57 CalculateTensorStorageSize Tensor shape.Size() must be >= 0",
        "Status Message: Tensor shape.Size() must be >= 0")]
    [InlineData("Status Message: element_wise_ops.cc:692 Compute Integer division by zero", "Status Message: Integer division by zero")]
    [InlineData("Status Message: element_wise_ops.cc:2256 operator() Integer modulo by zero (here)", "Status Message: Integer modulo by zero (here)")]
    [InlineData("Status Message: x.cc:1 Compute The shapes (2) and (3) differ", "Status Message: The shapes (2) and (3) differ")]
    [InlineData("The file weights.h has no version 2.cc here: 12", "The file weights.h has no version 2.cc here: 12")]
    public void Clean_WhatTheRuntimeWrites_LosesCodesAndSources(string message, string clean)
    {
        Assert.Equal(clean, OnnxErrors.Clean(message));
    }

    [Theory]
    [InlineData('/')]
    [InlineData('a')]
    [InlineData(':')]
    [InlineData('(')]
    [InlineData(' ')]
    [InlineData('.')]
    public void Clean_HugeNamesOfAModel_AreCut(char letter)
    {
        string message = "[ErrorCode:Fail] /a.cc:1 b::c(" + new string(letter, 500_000) + "/x.cc:1 " + new string(letter, 500_000);

        Assert.InRange(OnnxErrors.Clean(message).Length, 1, 5000);
    }
}
