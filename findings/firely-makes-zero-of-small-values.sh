#!/usr/bin/env bash
# Hl7.Fhir.R4 6.8.0 (Firely), .NET SDK 10.
# Expected: a decimal that .NET's decimal cannot hold, as the p-value 3.2e-45 of an association study, is an error for the strict
# parser, as 1e30 is, or is kept; and FHIRPath compares those that it can hold by their digits.
# Seen: the strict parser rounds to 28 decimals without an error: 3.2e-45 is 0, and is written as 0, and 3.2e-28 is 3e-28. FHIRPath
# first rounds to eight decimals, the least step of its specification: 4e-9 is equal to 0 and not greater, and 4.6e-8 is not
# less than 0.00000005, the usual threshold of such studies. In C#, value < 0.00000005m, it is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export NUGET_PACKAGES="$work/packages" DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

cat >probe.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <InvariantGlobalization>true</InvariantGlobalization>
  </PropertyGroup>
  <ItemGroup><PackageReference Include="Hl7.Fhir.R4" Version="[6.8.0]" /></ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Text.Json;
using Hl7.Fhir.FhirPath;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;

var options = new JsonSerializerOptions().ForFhir(ModelInfo.ModelInspector).UsingMode(DeserializationMode.Strict);
foreach (var text in new[] { "4.6e-8", "5.4e-8", "4e-9", "3.2e-28", "3.2e-45", "1e30" })
{
    var json = $$$"""{"resourceType":"Observation","status":"final","code":{"text":"p"},"valueQuantity":{"value":{{{text}}}}}""";
    try
    {
        var observation = JsonSerializer.Deserialize<Observation>(json, options)!;
        var value = ((Quantity)observation.Value).Value!.Value;
        bool Is(string condition) => observation.IsTrue($"value.value {condition}");
        Console.WriteLine($"{text}: {value}, less than 5e-8: {value < 0.00000005m}; in FHIRPath {Is("< 0.00000005")}, equal to 0: {Is("= 0")}, above 0: {Is("> 0")}");
    }
    catch (DeserializationFailedException)
    {
        Console.WriteLine($"{text}: refused");
    }
}
PROBE

cat >expected <<'EXPECTED'
4.6e-8: 0.000000046, less than 5e-8: True; in FHIRPath False, equal to 0: False, above 0: True
5.4e-8: 0.000000054, less than 5e-8: False; in FHIRPath False, equal to 0: False, above 0: True
4e-9: 0.000000004, less than 5e-8: True; in FHIRPath True, equal to 0: True, above 0: False
3.2e-28: 0.0000000000000000000000000003, less than 5e-8: True; in FHIRPath True, equal to 0: True, above 0: False
3.2e-45: 0.0000000000000000000000000000, less than 5e-8: True; in FHIRPath True, equal to 0: True, above 0: False
1e30: refused
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
dotnet out/probe.dll | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
