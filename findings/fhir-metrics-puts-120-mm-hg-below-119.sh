#!/usr/bin/env bash
# Fhir.Metrics 1.4.1 (Firely's UCUM for .NET, which Hl7.Fhir.R4 6.8.0 brings along), .NET SDK 10.
# Expected: FhirMetricService.TryCompare compares two quantities of one dimension by how much they are, to the digits that were
# given; in one and the same unit at the least by their numbers. What it cannot compare, as pH, it refuses with false.
# Seen: it compares texts. Each quantity is written in base units, cut to its digits and with its exponent as text, and the
# texts are compared from the left: 120 mm[Hg] is less than 119, 70 kg less than 69.9 kg, 9 mg more than 10 mg, 10 h equal to
# 9 h, and mg and ug are in the opposite order. A mass is also more than an amount of substance. The result is true, "compared".
# TryCanonicalize has the right numbers: compare those.
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
    <PredefinedCulturesOnly>false</PredefinedCulturesOnly>
  </PropertyGroup>
  <ItemGroup><PackageReference Include="Fhir.Metrics" Version="[1.4.1]" /></ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Globalization;
using Fhir.Metrics;

const string ucum = "http://unitsofmeasure.org";
var service = FhirMetricService.Instance.Value;
void Compare(string one, string unit, string other, string otherUnit)
{
    var compared = service.TryCompare((one, unit, ucum), (other, otherUnit, ucum), out var order);
    var sign = !compared ? "refused" : order < 0 ? "less than" : order > 0 ? "more than" : "equal to";
    Console.WriteLine($"{one} {unit}: {sign} {other} {otherUnit}");
}

Compare("120", "mm[Hg]", "119", "mm[Hg]");
Compare("121", "mm[Hg]", "119", "mm[Hg]");
Compare("70", "kg", "69.9", "kg");
Compare("70.0", "kg", "69.9", "kg");
Compare("9", "mg", "10", "mg");
Compare("10", "h", "9", "h");
Compare("40", "ug", "5", "mg");
Compare("1", "kg", "1000", "g");
Compare("1", "kg", "900", "g");
Compare("5", "g", "5", "mol");
Compare("7.4", "[pH]", "7.3", "[pH]");
foreach (var value in new[] { "119", "120" })
{
    service.TryCanonicalize((value, "mm[Hg]", ucum), out var base_);
    var number = decimal.Parse(base_!.Value.Item1, NumberStyles.Float, CultureInfo.InvariantCulture);
    Console.WriteLine($"{value} mm[Hg] in base units: {number.ToString("0", CultureInfo.InvariantCulture)} {base_.Value.Item2}");
}
PROBE

cat >expected <<'EXPECTED'
120 mm[Hg]: less than 119 mm[Hg]
121 mm[Hg]: less than 119 mm[Hg]
70 kg: less than 69.9 kg
70.0 kg: less than 69.9 kg
9 mg: more than 10 mg
10 h: equal to 9 h
40 ug: more than 5 mg
1 kg: less than 1000 g
1 kg: more than 900 g
5 g: more than 5 mol
7.4 [pH]: refused 7.3 [pH]
119 mm[Hg] in base units: 15865318 g.m-1.s-2
120 mm[Hg] in base units: 15998640 g.m-1.s-2
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
dotnet out/probe.dll | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
