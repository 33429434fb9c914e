#!/usr/bin/env bash
# Microsoft.Data.Analysis 0.23.1 (the DataFrame of ML.NET), .NET SDK 10.
# Expected: LoadCsv, which guesses types, reads a code as text: a LOINC code, four digits, a hyphen and a check digit, is no
# number and no date as ISO 8601 has it. A dateTime with an offset is the moment that it says on every machine.
# Seen: a column of such codes is one of dates. 8480-6, systolic pressure, is 1 June of the year 8480, and 718-7, haemoglobin,
# 1 July 718. SaveCsv writes them so, no row has the code any more, and a join to a list of codes finds nobody, without an
# error. One code of five digits among the first ten lines makes the column text; after them, it is an exception. A shifted
# midnight is moved to the time zone of the machine. With dataTypes, everything as string, all is as in the file.
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
  <ItemGroup><PackageReference Include="Microsoft.Data.Analysis" Version="[0.23.1]" /></ItemGroup>
</Project>
PROJECT

cat >Program.cs <<'PROBE'
using System.Globalization;
using System.Text;
using Microsoft.Data.Analysis;

var codes = new[] { "8480-6", "8462-4", "718-7", "2951-2", "4548-4" };
string Csv(IEnumerable<string> of) =>
    "code,when,value\n" + string.Concat(of.Select((code, row) => $"{code},2015-02-07T00:00:00.000+02:00,{row}.5\n"));
DataFrame Load(IEnumerable<string> of, Type[]? types = null) =>
    DataFrame.LoadCsv(new MemoryStream(Encoding.UTF8.GetBytes(Csv(of))), dataTypes: types);
string Text(object cell) =>
    cell is DateTime moment ? moment.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) : $"{cell}";

var table = Load(codes);
Console.WriteLine($"{TimeZoneInfo.Local.Id}: {table["code"].DataType.Name}: {string.Join(", ", table["code"].Cast<object>().Select(Text))}");
Console.WriteLine($"when: {table["when"].DataType.Name}: {Text(table["when"][0])}");
var written = new MemoryStream();
DataFrame.SaveCsv(table, written);
Console.WriteLine($"written: {Encoding.UTF8.GetString(written.ToArray()).Split('\n')[1].Split(',')[0]}");

var mixed = Load(codes.Append("29463-7"));
Console.WriteLine($"with 29463-7 among them: {mixed["code"].DataType.Name}: {mixed["code"][0]}");
try
{
    Load(Enumerable.Repeat(codes, 2).SelectMany(code => code).Append("29463-7"));
    Console.WriteLine("with 29463-7 as the eleventh: read");
}
catch (FormatException)
{
    Console.WriteLine("with 29463-7 as the eleventh: FormatException");
}
var texts = Load(codes, [typeof(string), typeof(string), typeof(string)]);
Console.WriteLine($"with dataTypes: {texts["code"][0]}, {texts["when"][0]}");
PROBE

cat >expected <<'EXPECTED'
UTC: DateTime: 8480-06-01 00:00, 8462-04-01 00:00, 0718-07-01 00:00, 2951-02-01 00:00, 4548-04-01 00:00
when: DateTime: 2015-02-06 22:00
written: 06/01/8480 00:00:00
with 29463-7 among them: String: 8480-6
with 29463-7 as the eleventh: FormatException
with dataTypes: 8480-6, 2015-02-07T00:00:00.000+02:00
Asia/Tokyo: DateTime: 8480-06-01 00:00, 8462-04-01 00:00, 0718-07-01 00:00, 2951-02-01 00:00, 4548-04-01 00:00
when: DateTime: 2015-02-07 07:00
written: 06/01/8480 00:00:00
with 29463-7 among them: String: 8480-6
with 29463-7 as the eleventh: FormatException
with dataTypes: 8480-6, 2015-02-07T00:00:00.000+02:00
EXPECTED

dotnet build -v quiet -o out >build.log 2>&1 || { cat build.log >&2; exit 2; }
for zone in UTC Asia/Tokyo; do TZ=$zone dotnet out/probe.dll; done | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
